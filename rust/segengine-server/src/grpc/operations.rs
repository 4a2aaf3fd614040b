//! Operations: how work that outlives its request stands, and waiting for it.
//!
//! Waiting holds no thread: the engine rings when an operation ends. Whether the server stops, and how far the work is, is
//! looked at every 100 ms.

use std::sync::Arc;
use std::time::{Duration, Instant};

use segengine::engine::Engine;
use segengine::engine::caller::Caller;
use segengine::engine::formats::OperationState;
use segengine::engine::operations::{Bell, OperationView};
use segengine::{Error, ErrorKind, Result, limits};
use tokio::sync::{Notify, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{Services, caller_of, reports};
use crate::{convert, status, v1};

/// Entries of a page when the caller does not say.
const PAGE: usize = 100;
/// The pause between two looks at an operation.
const PAUSE: Duration = Duration::from_millis(100);

/// The number in `operations/…`.
fn number_of(name: &str) -> Result<u64> {
    let digits = name.strip_prefix("operations/").unwrap_or(name);
    let number = if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None };
    number.ok_or_else(|| {
        Error::invalid(format!("{name:?} does not name an operation")).field("name").hint("write it like operations/12")
    })
}

pub(super) fn get(engine: &Engine, caller: &Caller, request: &v1::GetOperationRequest) -> Result<v1::Operation> {
    Ok(message(&engine.operation(caller, number_of(&request.name)?)?))
}

pub(super) fn cancel(engine: &Engine, caller: &Caller, request: &v1::CancelOperationRequest) -> Result<v1::Operation> {
    Ok(message(&engine.cancel_operation(caller, number_of(&request.name)?)?))
}

pub(super) fn list(
    engine: &Engine,
    caller: &Caller,
    request: &v1::ListOperationsRequest,
) -> Result<v1::ListOperationsResponse> {
    let size = convert::page_size(request.page_size, PAGE)?;
    let parent = convert::optional_parent(&request.parent)?;
    let before = match request.page_token.as_str() {
        "" => None,
        token => Some(number_of(token).map_err(|_| {
            let error = Error::invalid("the page token is none of this list").field("page_token");
            error.hint("give the `next_page_token` of the page before, unchanged")
        })?),
    };
    // One more than asked says whether there is another page.
    let mut found = engine.operations(caller, parent.as_ref(), before, size + 1)?;
    let more = found.len() > size;
    found.truncate(size);
    let last = found.last().filter(|_| more);
    let next_page_token = last.map(|last| last.record.number.to_string()).unwrap_or_default();
    Ok(v1::ListOperationsResponse { operations: found.iter().map(message).collect(), next_page_token })
}

impl Services {
    /// Waits until an operation has ended, or the time is over.
    pub(super) async fn wait_operation(
        &self,
        request: Request<v1::WaitOperationRequest>,
    ) -> Result<Response<v1::Operation>, Status> {
        let caller = caller_of(&request)?;
        let request = request.into_inner();
        let number = number_of(&request.name).map_err(status::from)?;
        let patience = request.timeout.as_ref().map(patience_of).transpose().map_err(status::from)?;
        self.wait(&caller, number, patience).await.map(|found| Response::new(message(&found)))
    }

    /// Looks at an operation until it has ended, the patience is over, or the server stops.
    pub(super) async fn wait(
        &self,
        caller: &Caller,
        number: u64,
        patience: Option<Duration>,
    ) -> Result<OperationView, Status> {
        let began = Instant::now();
        let ended = Arc::new(Notify::new());
        let ringing = Arc::clone(&ended);
        let bell: Arc<Bell> = Arc::new(move || ringing.notify_one());
        self.engine.ring_at_end(number, &bell);
        loop {
            let found = self.engine.operation(caller, number).map_err(status::from)?;
            let left = patience.map(|patience| patience.saturating_sub(began.elapsed()));
            if found.done() || left.is_some_and(|left| left.is_zero()) || self.stopping.has_begun() {
                return Ok(found);
            }
            let pause = left.map_or(PAUSE, |left| PAUSE.min(left));
            let _ = tokio::time::timeout(pause, ended.notified()).await;
        }
    }

    /// Sends an operation each time it has come further.
    pub(super) fn watch_operation(
        &self,
        request: &Request<v1::WatchOperationRequest>,
    ) -> Result<Response<ReceiverStream<Result<v1::Operation, Status>>>, Status> {
        let caller = caller_of(request)?;
        let number = number_of(&request.get_ref().name).map_err(status::from)?;
        let mut said = message(&self.engine.operation(&caller, number).map_err(status::from)?);
        let (sender, receiver) = mpsc::channel(4);
        let services = self.clone();
        tokio::spawn(async move {
            let mut listening = sender.send(Ok(said.clone())).await.is_ok();
            while listening && !said.done {
                tokio::time::sleep(PAUSE).await;
                let found = services.engine.operation(&caller, number).map(|found| message(&found));
                listening = match found {
                    Ok(_) if services.stopping.has_begun() => {
                        let error = Error::new(ErrorKind::Unavailable, "the server is stopping");
                        let _ = sender.send(Err(status::of(&error))).await;
                        false
                    }
                    // Nothing was said for a while: whether somebody listens shows only by asking.
                    Ok(found) if found == said => !sender.is_closed(),
                    Ok(found) => {
                        said = found.clone();
                        sender.send(Ok(found)).await.is_ok()
                    }
                    Err(error) => {
                        let _ = sender.send(Err(status::of(&error))).await;
                        false
                    }
                };
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

fn patience_of(given: &prost_types::Duration) -> Result<Duration> {
    let seconds = u64::try_from(given.seconds).ok().filter(|&seconds| seconds <= limits::UPLOAD_SECONDS);
    let nanos = u32::try_from(given.nanos).ok().filter(|&nanos| nanos < 1_000_000_000);
    let patience = seconds.zip(nanos).map(|(seconds, nanos)| Duration::new(seconds, nanos));
    patience.ok_or_else(|| {
        let most = limits::UPLOAD_SECONDS;
        Error::invalid(format!("the timeout is no duration of 0 to {most} s")).field("timeout")
    })
}

/// An operation as a message.
pub(super) fn message(found: &OperationView) -> v1::Operation {
    let record = &*found.record;
    let state = match record.state {
        OperationState::Running => v1::OperationState::Running,
        OperationState::Succeeded => v1::OperationState::Succeeded,
        OperationState::Failed => v1::OperationState::Failed,
        OperationState::Cancelled => v1::OperationState::Cancelled,
    };
    let report = record.report.as_deref().and_then(reports::from_stored);
    let (bytes, lines) = match (&report, found.done()) {
        (Some(report), true) => (report.bytes, report.rows_total),
        _ => (found.bytes, found.lines),
    };
    let fraction = match (found.done(), found.total_bytes) {
        (true, _) => (record.state == OperationState::Succeeded).then_some(1.0),
        (false, 0) => None,
        (false, total) => Some((found.bytes as f64 / total as f64).min(1.0)),
    };
    v1::Operation {
        name: format!("operations/{}", record.number),
        r#type: "upload".to_owned(),
        segment: found.segment.as_ref().map(ToString::to_string).unwrap_or_default(),
        state: state.into(),
        done: found.done(),
        phase: found.phase.to_owned(),
        bytes,
        lines,
        fraction,
        report,
        error: record.error_kind.as_deref().map(|kind| v1::OperationError {
            code: status::number_of(status::kind_named(kind).unwrap_or(ErrorKind::Internal)),
            kind: kind.to_owned(),
            reason: record.reason.clone().unwrap_or_default(),
            message: record.message.clone().unwrap_or_default(),
            hint: record.hint.clone().unwrap_or_default(),
        }),
        create_time: Some(convert::timestamp(record.create_time)),
        end_time: record.end_time.map(convert::timestamp),
        revision: record.revision.map_or(0, |revision| revision.0),
        generation: record.generation.map_or(0, |generation| generation.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_named_by_its_number() {
        assert_eq!(number_of("operations/12").unwrap(), 12);
        for wrong in
            ["", "operations/", "operations/x", "operation/1", "operations/-1", "operations/99999999999999999999"]
        {
            assert!(number_of(wrong).is_err() || wrong.is_empty(), "{wrong:?}");
        }
    }
}
