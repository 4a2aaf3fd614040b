//! The one way in: every call, over a socket or in process, passes here before a service sees it.
//!
//! In this order: is there such a method and who may call it (policy), is there room (admission), how long may it take
//! (deadline: the caller's or the method's, whichever is shorter), then the service. A call whose time was over before
//! its turn came is not evaluated. `Match` skips the router and has its own bound of bytes; answers that tonic made by
//! itself are put into the engine's terms. Cost beside the service: one look-up by path, two atomic additions, two
//! readings of the clock and one boxed future; an impression is timed for two more additions and one more reading.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use segengine::engine::Engine;
use segengine::{Error, ErrorKind};
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service;

use crate::admission::{Admission, Permit};
use crate::grpc::{self, Mounted};
use crate::policy::{Door, Policies, Rule};
use crate::status;
use crate::times::{RuntimeTimes, Times};

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) policies: Policies,
    pub(crate) admission: Arc<Admission>,
    mounted: OnceLock<(Engine, Mounted)>,
    stopping: grpc::Stopping,
    times: Arc<Times>,
}

impl Shared {
    /// Takes in calls, and answers `UNAVAILABLE` until an engine is mounted.
    pub(crate) fn new(policies: Policies, most_in_flight: usize) -> Arc<Self> {
        Arc::new(Self {
            policies,
            admission: Admission::new(most_in_flight),
            mounted: OnceLock::new(),
            stopping: grpc::Stopping::new(),
            times: Arc::default(),
        })
    }

    /// Lets the services answer from this engine; the first engine stays.
    pub(crate) fn mount(&self, engine: &Engine) {
        self.mounted.get_or_init(|| (engine.clone(), Mounted::new(engine, &self.stopping, &self.times)));
    }

    /// Tells long streams to end.
    pub(crate) fn stop(&self) {
        self.stopping.begin();
    }

    /// Whether calls are answered: an engine is there, it is open, and the server is not stopping.
    pub(crate) fn is_serving(&self) -> bool {
        !self.stopping.has_begun() && self.mounted.get().is_some_and(|(engine, _)| !engine.is_closed())
    }
}

/// The tower service in front of all services.
#[derive(Clone)]
pub(crate) struct Front {
    shared: Arc<Shared>,
    /// Health and reflection, which answer from the first moment and to everybody who can connect.
    standard: Routes,
    door: Door,
    /// Where the calls of one runtime are counted; nothing in process.
    times: Option<Arc<RuntimeTimes>>,
}

impl Front {
    pub(crate) fn new(shared: Arc<Shared>, standard: Routes, door: Door) -> Self {
        Self { shared, standard, door, times: None }
    }

    /// The front of one more runtime, which counts its calls apart.
    pub(crate) fn of_runtime(&self) -> Self {
        Self { times: Some(self.shared.times.of_runtime()), ..self.clone() }
    }

    /// What all connections share.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Everything that is decided before the body is read.
    fn admit(&self, request: &mut Request<Body>, rule: &Rule) -> Result<(Mounted, Permit), Status> {
        let caller = self.door.caller(request.extensions()).map_err(status::from)?;
        rule.check(&caller).map_err(status::from)?;
        let Some((_, mounted)) = self.shared.mounted.get() else {
            let error = Error::new(ErrorKind::Unavailable, "the data directory is being opened");
            return Err(status::of(&error.hint("repeat a little later; the health check says when")));
        };
        let permit = self.shared.admission.enter()?;
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(self.door);
        Ok((mounted.clone(), permit))
    }
}

impl Service<Request<Body>> for Front {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let came = Instant::now();
        let Some(rule) = self.shared.policies.rule(request.uri().path()) else {
            let answer = self.standard.call(request);
            return Box::pin(async move { answer.await.map(refined) });
        };
        let (mut mounted, permit) = match self.admit(&mut request, rule) {
            Ok(admitted) => admitted,
            Err(refused) => return Box::pin(async move { Ok(refused.into_http()) }),
        };
        let time = allowed(request.headers()).map_or(rule.time, |asked| asked.min(rule.time));
        let answers_stream = rule.answers_stream;
        let timed = rule.timed.and_then(|timed| Some((timed, Arc::clone(self.times.as_ref()?))));
        Box::pin(async move {
            let left = time.saturating_sub(came.elapsed());
            if left.is_zero() {
                return Ok(too_late(time).into_http());
            }
            let answer = tokio::time::timeout(left, mounted.call(request)).await;
            if let Some((timed, times)) = timed {
                times.count(timed, came.elapsed());
            }
            match answer {
                Err(_) => Ok(too_late(time).into_http()),
                Ok(Ok(answer)) if answers_stream => Ok(held(refined(answer), permit)),
                Ok(Ok(answer)) => Ok(refined(answer)),
                Ok(Err(never)) => match never {},
            }
        })
    }
}

fn too_late(time: Duration) -> Status {
    let message = format!("the call was not answered within {} ms", time.as_millis());
    let error = Error::new(ErrorKind::DeadlineExceeded, message);
    status::of(&error.hint("a change may have happened all the same: repeat it with the same request_id"))
}

/// What the caller allows: the `grpc-timeout` header, up to eight digits and a unit.
fn allowed(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3_600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// Puts a refusal that tonic made by itself into the engine's terms.
fn refined(answer: Response<Body>) -> Response<Body> {
    status::bare_in(answer.headers()).map_or(answer, |bare| status::refine(bare).into_http())
}

/// A stream that keeps its place until it has ended.
fn held(answer: Response<Body>, permit: Permit) -> Response<Body> {
    answer.map(|inner| Body::new(HeldBody { inner, _permit: permit }))
}

struct HeldBody {
    inner: Body,
    _permit: Permit,
}

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_as_grpc_writes_it() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            allowed(&headers)
        };
        assert_eq!(read("1500m"), Some(Duration::from_millis(1_500)));
        assert_eq!(read("99999999H"), Some(Duration::from_hours(99_999_999)));
        assert_eq!(read("0n"), Some(Duration::ZERO));
        for wrong in ["", "S", "123456789S", "1.5S", "-1S", "+1S", "1s", "1 S"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
