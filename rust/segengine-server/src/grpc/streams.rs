//! Streams between the network and a thread for work, each with a short queue, so that the slower side holds the faster.
//!
//! A stream that comes in is an iterator for the work; it ends in an error when the client went away, so that half a
//! stream is never taken for a whole one. A stream that goes out is fed by the work, which stops when nobody listens.

use std::time::Duration;

use segengine::engine::Engine;
use segengine::engine::caller::Caller;
use segengine::{Error, ErrorKind, Result, limits};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{Services, caller_of, work};
use crate::policy::{Door, STREAM_TIME};
use crate::status;

/// Messages that wait between network and work.
const QUEUE: usize = 4;
/// How long a client may be silent within a stream that it sends over a socket. In process it may take its time: nobody
/// else can use what it holds.
const SILENCE: Duration = Duration::from_secs(limits::STREAM_SILENCE_SECONDS);

/// What came in.
enum Piece<M> {
    Message(M),
    /// The client said that this was all.
    End,
    Failed(Error),
}

/// The messages of a stream, for a thread that may wait.
pub(crate) struct Incoming<M> {
    pieces: mpsc::Receiver<Piece<M>>,
    ended: bool,
}

impl<M> Iterator for Incoming<M> {
    type Item = Result<M>;

    fn next(&mut self) -> Option<Result<M>> {
        if self.ended {
            return None;
        }
        let piece = self.pieces.blocking_recv();
        self.ended = !matches!(piece, Some(Piece::Message(_)));
        match piece {
            Some(Piece::Message(message)) => Some(Ok(message)),
            Some(Piece::End) => None,
            Some(Piece::Failed(error)) => Some(Err(error)),
            None => Some(Err(Error::new(ErrorKind::Cancelled, "the caller went away: nothing was changed"))),
        }
    }
}

impl Services {
    /// Answers a stream of messages by `act`, on a thread for work, once.
    pub(crate) async fn take_in<M, A>(
        &self,
        request: Request<Streaming<M>>,
        act: impl FnOnce(&Engine, &Caller, Incoming<M>) -> Result<A> + Send + 'static,
    ) -> Result<Response<A>, Status>
    where
        M: Send + 'static,
        A: Send + 'static,
    {
        let Ok(_place) = self.streams_in.try_acquire() else { return Err(status::overloaded(limits::STREAMS_IN)) };
        let (caller, engine) = (caller_of(&request)?, self.engine.clone());
        let (sender, pieces) = mpsc::channel(QUEUE);
        let incoming = Incoming { pieces, ended: false };
        let in_process = request.extensions().get::<Door>() == Some(&Door::InProcess);
        let silence = if in_process { STREAM_TIME } else { SILENCE };
        let acting = work(move || act(&engine, &caller, incoming));
        let mut acting = std::pin::pin!(acting);
        tokio::select! {
            // The work may refuse before the stream has ended.
            answer = &mut acting => return answer.map(Response::new),
            () = forward(request.into_inner(), sender, silence) => {}
        }
        acting.await.map(Response::new)
    }

    /// Answers a message by a stream that `act` feeds from a thread for work; `act` ends when [`Outgoing::send`] says
    /// that nobody listens.
    pub(crate) fn give_out<M, A>(
        &self,
        request: Request<M>,
        act: impl FnOnce(&Engine, &Caller, M, &mut Outgoing<A>) -> Result<()> + Send + 'static,
    ) -> Result<Response<ReceiverStream<Result<A, Status>>>, Status>
    where
        M: Send + 'static,
        A: Send + 'static,
    {
        let (caller, engine) = (caller_of(&request)?, self.engine.clone());
        let message = request.into_inner();
        let (sender, receiver) = mpsc::channel(QUEUE);
        let failed = sender.clone();
        tokio::spawn(async move {
            let mut outgoing = Outgoing { sender };
            if let Err(status) = work(move || act(&engine, &caller, message, &mut outgoing)).await {
                let _ = failed.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

/// Reads a stream to its end, or until nobody takes it in.
async fn forward<M>(mut stream: Streaming<M>, sender: mpsc::Sender<Piece<M>>, silence: Duration) {
    loop {
        let piece = match tokio::time::timeout(silence, stream.message()).await {
            Ok(Ok(Some(message))) => Piece::Message(message),
            Ok(Ok(None)) => Piece::End,
            Ok(Err(status)) => Piece::Failed(status::Failure::of(&status::refine(status)).into()),
            Err(_) => {
                let message = format!("no message came for {} s: nothing was changed", silence.as_secs());
                Piece::Failed(Error::new(ErrorKind::DeadlineExceeded, message))
            }
        };
        let last = !matches!(piece, Piece::Message(_));
        if sender.send(piece).await.is_err() || last {
            return;
        }
    }
}

/// A stream that goes out, for the thread that feeds it.
pub(crate) struct Outgoing<A> {
    sender: mpsc::Sender<Result<A, Status>>,
}

impl<A> Outgoing<A> {
    /// Sends one message, waiting for room; false when nobody listens any more.
    pub(crate) fn send(&mut self, message: A) -> bool {
        self.sender.blocking_send(Ok(message)).is_ok()
    }
}
