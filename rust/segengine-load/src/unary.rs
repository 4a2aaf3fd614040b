//! One call for each request: `Match` or `MatchBatch`.

use bytes::{Bytes, BytesMut};

use crate::connection::Connection;
use crate::outcome::Outcome;
use crate::question::FRAME_HEAD;

/// Asks once; the answer is read to its end and not looked at.
pub(crate) async fn ask(connection: &Connection, frame: Bytes) -> Outcome {
    exchange(connection, frame, None).await.unwrap_or(Outcome::Lost)
}

/// Asks once and gives the message of the answer.
pub(crate) async fn answer(connection: &Connection, frame: Bytes) -> Result<Bytes, Outcome> {
    let mut body = BytesMut::new();
    match exchange(connection, frame, Some(&mut body)).await {
        Some(Outcome::Answered) => {
            let head = body.len().min(FRAME_HEAD);
            Ok(body.split_off(head).freeze())
        }
        Some(outcome) => Err(outcome),
        None => Err(Outcome::Lost),
    }
}

/// Sends, and reads until the status; nothing when the connection broke.
async fn exchange(connection: &Connection, frame: Bytes, mut keep: Option<&mut BytesMut>) -> Option<Outcome> {
    let mut sender = connection.sender().await?;
    let (response, mut stream) = sender.send_request(connection.request(), false).ok()?;
    stream.send_data(frame, true).ok()?;
    let response = response.await.ok()?;
    if let Some(refused) = Outcome::in_headers(response.headers()) {
        return Some(refused);
    }
    let mut body = response.into_body();
    while let Some(data) = body.data().await {
        let data = data.ok()?;
        body.flow_control().release_capacity(data.len()).ok()?;
        if let Some(kept) = keep.as_deref_mut() {
            kept.extend_from_slice(&data);
        }
    }
    let trailers = body.trailers().await.ok()??;
    Outcome::in_headers(&trailers)
}
