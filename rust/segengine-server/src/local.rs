//! The services without a network: what the Python extension calls when it has opened the directory itself.
//!
//! A call goes through the same front, policies and services as over a socket, with the same messages and the same
//! refusals, so that a program means the same embedded and remote. Only the frames of HTTP/2 are left out. The calling
//! thread polls the call itself; a small runtime beside it drives streams and timers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes, BytesMut};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use segengine::engine::Engine;
use segengine::{Error, ErrorKind, Result, limits};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::body::Body;
use tower::Service as _;

use crate::front::{Front, Shared};
use crate::policy::{Door, Policies};
use crate::status::Failure;
use crate::{serve, status, v1};

/// Frames of a client's stream that wait: four long messages with their prefixes.
const QUEUE: usize = 8;
/// Bytes of a message up to which it is copied behind its prefix.
const COPIED: usize = 1 << 12;
/// Bytes before each message: a flag for compression, and the length.
const PREFIX: usize = 5;

/// How long a call lasts before its [`Watch`] is asked, and between one time and the next.
const WATCH_INTERVAL: Duration = Duration::from_millis(50);

/// Asked from time to time, on the thread of a call, whether the call should go on: a failure ends it. A face looks out
/// for signals there.
pub type Watch = fn() -> Outcome<()>;

/// The services of one engine, in process. Clones share everything.
#[derive(Clone)]
pub struct LocalServices(Arc<Inner>);

struct Inner {
    front: Front,
    shared: Arc<Shared>,
    watch: Watch,
    opened_by: u32,
    /// Taken out when this is dropped, because a runtime must not wait for itself.
    runtime: Option<Runtime>,
}

/// A message as a method takes and gives it: encoded, without its frame.
type Message = Bytes;
/// Where the frames of a client's stream go.
type Sender = mpsc::Sender<std::result::Result<Frame<Bytes>, Status>>;
/// What the body of a call ends with.
type Outcome<T> = std::result::Result<T, Failure>;

impl LocalServices {
    /// The services over an open engine; `watch` is asked while a call lasts.
    ///
    /// # Errors
    /// `Storage` when no thread can be started; `Internal` for a method without a policy.
    pub fn new(engine: &Engine, watch: Watch) -> Result<Self> {
        let shared = Shared::new(Policies::read(v1::FILE_DESCRIPTOR_SET)?, usize::MAX);
        shared.mount(engine);
        let front = Front::new(Arc::clone(&shared), serve::health_service(&shared), Door::InProcess);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(crate::grpc::WORK_THREADS)
            .thread_name("segengine-local")
            .enable_time()
            .build()
            .map_err(|error| Error::storage("starting a thread", error))?;
        Ok(Self(Arc::new(Inner { front, shared, watch, opened_by: std::process::id(), runtime: Some(runtime) })))
    }

    /// Calls a method that takes one message and gives one: `method` is `segengine.v1.Targeting/Match`, say.
    ///
    /// # Errors
    /// What the service refused, as over the network.
    pub fn unary(&self, method: &str, message: &[u8], timeout: Option<Duration>) -> Outcome<Message> {
        let runtime = self.runtime()?;
        let request = request(method, timeout, Body::new(Full::new(framed(message))))?;
        self.wait_for(runtime, async { only_message(self.call(request).await?).await })
    }

    /// Calls a method that takes a stream and gives one message. The iterator is pulled on this thread, as fast as the
    /// service takes the messages in; an error of it ends the call, and nothing of it stays.
    ///
    /// # Errors
    /// What the service refused, or the iterator's error.
    pub fn client_stream(
        &self,
        method: &str,
        messages: impl IntoIterator<Item = Outcome<Message>>,
        timeout: Option<Duration>,
    ) -> Outcome<Message> {
        let runtime = self.runtime()?;
        let (sender, receiver) = mpsc::channel(QUEUE);
        let request = request(method, timeout, Body::new(StreamBody::new(ReceiverStream::new(receiver))))?;
        let services = self.clone();
        let answer = runtime.spawn(async move { only_message(services.call(request).await?).await });
        let broken = self.send_all(&sender, messages);
        drop(sender);
        let end = answer.abort_handle();
        let answer = self.wait_for(runtime, async { answer.await.map_err(|_| defect())? });
        // Where the watch gave up, the call must not go on without anybody who waits for it.
        end.abort();
        broken.map_or(answer, Err)
    }

    /// Sends messages until the last one, a failure among them or of the watch, which is returned, or until the service
    /// takes no more: then its answer says why.
    fn send_all(&self, sender: &Sender, messages: impl IntoIterator<Item = Outcome<Message>>) -> Option<Failure> {
        let mut watched = Instant::now();
        for message in messages {
            let mut message = message;
            if watched.elapsed() > WATCH_INTERVAL {
                watched = Instant::now();
                message = (self.0.watch)().and(message);
            }
            let sent = match message {
                // A long message is not copied behind its prefix.
                Ok(message) if message.len() > COPIED => {
                    let prefix = Bytes::copy_from_slice(&prefix_of(&message));
                    let sent = sender.blocking_send(Ok(Frame::data(prefix)));
                    sent.and_then(|()| sender.blocking_send(Ok(Frame::data(message))))
                }
                Ok(message) => sender.blocking_send(Ok(Frame::data(framed(&message)))),
                Err(failure) => {
                    let _ = sender.blocking_send(Err(status::of(&failure.clone().into())));
                    return Some(failure);
                }
            };
            if sent.is_err() {
                break;
            }
        }
        None
    }

    /// Calls a method that takes one message and gives a stream, which is pulled by iterating; dropping it ends the call.
    ///
    /// # Errors
    /// What the service refused before the first message; later refusals are items.
    pub fn server_stream(&self, method: &str, message: &[u8], timeout: Option<Duration>) -> Outcome<LocalStream> {
        let runtime = self.runtime()?;
        let request = request(method, timeout, Body::new(Full::new(framed(message))))?;
        let answer = self.wait_for(runtime, self.call(request))?;
        let unframed = Unframed { body: answer.into_body(), buffer: BytesMut::new(), ended: false };
        Ok(LocalStream { services: self.clone(), unframed })
    }

    /// Tells long streams to end; calls are answered as long as the engine answers.
    pub fn stop(&self) {
        self.0.shared.stop();
    }

    /// The runtime, unless this is a forked child: its threads stayed in the parent.
    fn runtime(&self) -> Outcome<&Runtime> {
        let here = std::process::id();
        let message = if here == self.0.opened_by {
            "the engine is closed".to_owned()
        } else {
            format!("this engine was opened by process {}, and this is its forked child {here}", self.0.opened_by)
        };
        let closed = Failure { kind: ErrorKind::EngineClosed, message, field: None, hint: None };
        let runtime = self.0.runtime.as_ref().filter(|_| here == self.0.opened_by);
        runtime.ok_or(Failure { hint: Some("open the directory in this process".to_owned()), ..closed })
    }

    /// Polls `work` on this thread, asking the watch from time to time.
    fn wait_for<T>(&self, runtime: &Runtime, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        runtime.block_on(async {
            let mut work = std::pin::pin!(work);
            loop {
                match tokio::time::timeout(WATCH_INTERVAL, work.as_mut()).await {
                    Ok(outcome) => return outcome,
                    Err(_) => (self.0.watch)()?,
                }
            }
        })
    }

    /// Passes a request in; a refusal that comes in place of an answer is an error here.
    async fn call(&self, request: Request<Body>) -> Outcome<Response<Body>> {
        let mut front = self.0.front.clone();
        let answer = match front.call(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        status::failure_in(answer.headers()).map_or(Ok(answer), Err)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(runtime) = self.runtime.take() {
            if std::process::id() == self.opened_by {
                runtime.shutdown_background();
            } else {
                // The threads are the parent's; waiting for them would never end.
                std::mem::forget(runtime);
            }
        }
    }
}

impl std::fmt::Debug for LocalServices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalServices").finish_non_exhaustive()
    }
}

/// The messages of an answer, pulled on the thread that iterates.
pub struct LocalStream {
    services: LocalServices,
    unframed: Unframed,
}

impl Iterator for LocalStream {
    type Item = Outcome<Message>;

    fn next(&mut self) -> Option<Outcome<Message>> {
        match self.services.runtime() {
            Ok(runtime) => {
                self.services.wait_for(runtime, async { self.unframed.next().await.transpose() }).transpose()
            }
            Err(closed) => Some(Err(closed)),
        }
    }
}

/// Takes the frames of a body apart into messages.
struct Unframed {
    body: Body,
    buffer: BytesMut,
    ended: bool,
}

impl Unframed {
    async fn next(&mut self) -> Option<Outcome<Message>> {
        loop {
            if let Some(message) = take_message(&mut self.buffer) {
                return Some(Ok(message));
            }
            if self.ended {
                return None;
            }
            match self.body.frame().await {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.buffer.extend_from_slice(&data),
                    Err(frame) => {
                        self.ended = true;
                        let trailers = frame.into_trailers().unwrap_or_default();
                        if let Some(failed) = status::failure_in(&trailers) {
                            return Some(Err(failed));
                        }
                    }
                },
                Some(Err(status)) => {
                    self.ended = true;
                    return Some(Err(Failure::of(&status)));
                }
                None => self.ended = true,
            }
        }
    }
}

async fn only_message(answer: Response<Body>) -> Outcome<Message> {
    let mut unframed = Unframed { body: answer.into_body(), buffer: BytesMut::new(), ended: false };
    let message = unframed.next().await.unwrap_or_else(|| Err(defect()))?;
    match unframed.next().await {
        Some(Err(failed)) => Err(failed),
        _ => Ok(message),
    }
}

fn take_message(buffer: &mut BytesMut) -> Option<Message> {
    let mut prefix = buffer.get(1..PREFIX)?;
    let length = usize::try_from(prefix.get_u32()).ok()?;
    if buffer.len() < PREFIX + length {
        return None;
    }
    buffer.advance(PREFIX);
    Some(buffer.split_to(length).freeze())
}

fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.extend_from_slice(&prefix_of(message));
    frame.extend_from_slice(message);
    frame.freeze()
}

fn prefix_of(message: &[u8]) -> [u8; PREFIX] {
    let [a, b, c, d] = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    [0, a, b, c, d]
}

fn request(method: &str, timeout: Option<Duration>, body: Body) -> Outcome<Request<Body>> {
    let mut builder = Request::builder()
        .method("POST")
        .uri(format!("http://local/{}", method.trim_start_matches('/')))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(timeout) = timeout {
        // At most eight digits: milliseconds for up to a day, seconds beyond.
        let ms = timeout.as_millis();
        let text = if ms < 100_000_000 { format!("{ms}m") } else { format!("{}S", timeout.as_secs().min(99_999_999)) };
        builder = builder.header("grpc-timeout", text);
    }
    builder.body(body).map_err(|_| {
        let message = format!("{method:?} names no method");
        Failure { kind: ErrorKind::InvalidInput, message, field: None, hint: None }
    })
}

fn defect() -> Failure {
    let message = "a service ended without an answer".to_owned();
    Failure { kind: ErrorKind::Internal, message, field: None, hint: None }
}

/// The most bytes that one message may have: longer content is cut into several.
pub const MESSAGE_BYTES: usize = limits::MESSAGE_BYTES;
