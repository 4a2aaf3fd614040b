//! Many requests over one call: `MatchStream`, one stream for each connection.
//!
//! Answers carry the number of their request, so they may come in any order.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use h2::SendStream;
use h2::client::ResponseFuture;
use prost::Message as _;
use segengine_server::v1;
use tokio::sync::Notify;

use crate::connection::Connection;
use crate::outcome::Outcome;
use crate::question::{FRAME_HEAD, Questions};
use crate::tally::{OnItsWay, Tally};

/// What is on its way over one stream, by number.
#[derive(Default)]
struct Asked {
    open: RefCell<HashMap<u64, OnItsWay>>,
    ended: Cell<bool>,
    /// Told at each answer.
    answered: Notify,
}

/// A stream over a connection; a new one when it ends.
pub(crate) struct Lane {
    connection: Rc<Connection>,
    tally: Rc<RefCell<Tally>>,
    current: Option<(SendStream<Bytes>, Rc<Asked>)>,
}

impl Lane {
    pub(crate) fn new(connection: &Rc<Connection>, tally: &Rc<RefCell<Tally>>) -> Self {
        Self { connection: Rc::clone(connection), tally: Rc::clone(tally), current: None }
    }

    /// Sends request number `number`, which was due then.
    pub(crate) async fn send(&mut self, questions: &Questions, number: u64, due: Instant) {
        let request = OnItsWay::new(&self.tally, due);
        if self.current.as_ref().is_none_or(|(_, asked)| asked.ended.get()) {
            self.current = self.opened().await;
        }
        let Some((stream, asked)) = &mut self.current else { return request.end(Outcome::Lost) };
        match stream.send_data(questions.numbered(number), false) {
            Ok(()) => drop(asked.open.borrow_mut().insert(number, request)),
            Err(_) => request.end(Outcome::Lost),
        }
    }

    /// How many are on their way.
    pub(crate) fn on_their_way(&self) -> usize {
        self.current.as_ref().map_or(0, |(_, asked)| asked.open.borrow().len())
    }

    /// Ends at the next answer; at once when nothing is on its way.
    pub(crate) async fn answered(&self) {
        if let Some((_, asked)) = self.current.as_ref().filter(|(_, asked)| !asked.open.borrow().is_empty()) {
            asked.answered.notified().await;
        }
    }

    async fn opened(&self) -> Option<(SendStream<Bytes>, Rc<Asked>)> {
        let mut sender = self.connection.sender().await?;
        let (response, stream) = sender.send_request(self.connection.request(), false).ok()?;
        let asked = Rc::<Asked>::default();
        let reading = Rc::clone(&asked);
        tokio::task::spawn_local(async move {
            let outcome = read(response, &reading).await.unwrap_or(Outcome::Lost);
            reading.ended.set(true);
            let left = std::mem::take(&mut *reading.open.borrow_mut());
            left.into_values().for_each(|request| request.end(outcome));
            reading.answered.notify_waiters();
        });
        Some((stream, asked))
    }
}

/// Reads answers until the stream ends; its status, if it has one.
async fn read(response: ResponseFuture, asked: &Asked) -> Option<Outcome> {
    let response = response.await.ok()?;
    if let Some(refused) = Outcome::in_headers(response.headers()) {
        return Some(refused);
    }
    let (mut body, mut rest) = (response.into_body(), BytesMut::new());
    while let Some(data) = body.data().await {
        let data = data.ok()?;
        body.flow_control().release_capacity(data.len()).ok()?;
        rest.extend_from_slice(&data);
        while let Some(answer) = next(&mut rest) {
            let outcome = answer
                .error
                .map_or(Outcome::Answered, |error| Outcome::of_code(u8::try_from(error.code).unwrap_or(u8::MAX)));
            let number = answer.id.checked_sub(1);
            if let Some(request) = number.and_then(|number| asked.open.borrow_mut().remove(&number)) {
                request.end(outcome);
            }
            asked.answered.notify_waiters();
        }
    }
    let trailers = body.trailers().await.ok()??;
    // A stream that ended well with requests open has left them without an answer.
    Outcome::in_headers(&trailers).filter(|outcome| *outcome != Outcome::Answered)
}

/// Takes the next whole frame off.
fn next(rest: &mut BytesMut) -> Option<v1::MatchResponse> {
    let [_, length @ ..] = *rest.first_chunk::<FRAME_HEAD>()?;
    let length = u32::from_be_bytes(length) as usize + FRAME_HEAD;
    if rest.len() < length {
        return None;
    }
    let frame = rest.split_to(length);
    v1::MatchResponse::decode(frame.get(FRAME_HEAD..)?).ok()
}
