//! Calls by message: the services of the gRPC face, asked in process.
//!
//! A request goes in and an answer comes out as the bytes of a protobuf message, so one client layer in Python speaks to
//! an engine in process and to a server alike. The GIL is released for the whole call; it is taken back to pull a
//! message from a caller's iterator, and every [`SIGNAL_INTERVAL`](crate::lifetime::SIGNAL_INTERVAL) to see whether a
//! signal came: Ctrl-C ends a call of any length, and what a write had not committed by then never happens.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyIterator};
use segengine::engine::Engine;
use segengine::{Error, ErrorKind};
use segengine_server::file_parts::FileParts;
use segengine_server::local::{LocalServices, LocalStream};
use segengine_server::status::Failure as Refusal;

use crate::engine::PyEngine;
use crate::errors::{Answer, Failure, guarded, type_name, wrong_type};
use crate::lifetime::Kept;

thread_local! {
    /// What ended the call of this thread from the side of Python: its exception takes the place of the call's.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
    /// Set to end the stream that this thread waits for.
    static CANCELED: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// The services of one engine, made when the first call needs them: an engine that is only asked for adgroups has neither
/// their thread nor a megabyte of their code in memory.
#[derive(Default)]
pub(crate) struct Services(OnceLock<Kept<LocalServices>>);

impl Services {
    /// The services over `engine`, always the same one.
    pub(crate) fn of(&self, engine: &Engine) -> Result<&LocalServices, Error> {
        match self.0.get() {
            Some(made) => Ok(made),
            // Of two threads that both made them one is too late, and lets go what it made.
            None => LocalServices::new(engine, look_out).map(|made| &**self.0.get_or_init(|| Kept::new(made))),
        }
    }

    /// Tells long streams to end, where there can be any.
    pub(crate) fn stop(&self) {
        self.0.get().into_iter().for_each(|made| made.stop());
    }
}

/// Whether the call of this thread should go on; the services ask from time to time.
fn look_out() -> Result<(), Refusal> {
    if CANCELED.with_borrow(|canceled| canceled.as_ref().is_some_and(|flag| flag.load(Ordering::Acquire))) {
        return Err(interrupted("the call was canceled"));
    }
    Python::attach(|py| py.check_signals().map_err(raised))
}

/// Keeps an exception until the call has ended.
fn raised(error: PyErr) -> Refusal {
    RAISED.set(Some(error));
    interrupted("the caller raised an exception")
}

fn interrupted(message: &str) -> Refusal {
    Refusal { kind: ErrorKind::Cancelled, message: message.to_owned(), field: None, hint: None }
}

/// The answer of a call, or the exception that ended it.
fn outcome<T>(answer: Result<T, Refusal>) -> Answer<T> {
    match (RAISED.take(), answer) {
        (Some(error), _) => Err(Failure::Python(error)),
        (None, answer) => Ok(answer.map_err(Error::from)?),
    }
}

/// How long a call may take; nothing is for as long as it needs.
pub(crate) fn limit_of(timeout: Option<f64>) -> Answer<Option<Duration>> {
    let Some(seconds) = timeout else { return Ok(None) };
    Duration::try_from_secs_f64(seconds).map(Some).map_err(|_| {
        Error::invalid("the timeout is no number of seconds from 0")
            .field("timeout")
            .hint("give seconds, or None to wait as long as it takes")
            .into()
    })
}

/// Calls a method that takes one message and gives one.
pub(crate) fn unary<'py>(
    services: &LocalServices,
    method: &str,
    request: &Bound<'py, PyBytes>,
    timeout: Option<f64>,
) -> Answer<Bound<'py, PyBytes>> {
    let (py, limit) = (request.py(), limit_of(timeout)?);
    let message = request.as_bytes();
    let answer = outcome(py.detach(|| services.unary(method, message, limit)))?;
    Ok(PyBytes::new(py, &answer))
}

/// Calls a method that takes a stream of messages and gives one.
pub(crate) fn client_stream<'py>(
    services: &LocalServices,
    method: &str,
    requests: &Bound<'py, PyAny>,
    timeout: Option<f64>,
) -> Answer<Bound<'py, PyBytes>> {
    let (py, limit) = (requests.py(), limit_of(timeout)?);
    let messages = Pulled(requests.try_iter()?.unbind());
    let answer = outcome(py.detach(|| services.client_stream(method, messages, limit)))?;
    Ok(PyBytes::new(py, &answer))
}

/// Calls a method that takes a stream of messages and gives one: `first`, then the parts of the file at `path`, which is
/// read without the GIL.
pub(crate) fn file_stream<'py>(
    services: &LocalServices,
    method: &str,
    first: &Bound<'py, PyBytes>,
    path: PathBuf,
    timeout: Option<f64>,
) -> Answer<Bound<'py, PyBytes>> {
    let (py, limit) = (first.py(), limit_of(timeout)?);
    let first = Bytes::copy_from_slice(first.as_bytes());
    let call = move || {
        let parts = FileParts::open(&path)?;
        services.client_stream(method, std::iter::once(Ok(first)).chain(parts), limit)
    };
    let answer = outcome(py.detach(call))?;
    Ok(PyBytes::new(py, &answer))
}

/// Calls a method that takes one message and gives a stream of them.
pub(crate) fn server_stream(
    engine: Py<PyEngine>,
    services: &LocalServices,
    method: &str,
    request: &Bound<'_, PyBytes>,
    timeout: Option<f64>,
) -> Answer<ServerStream> {
    let (py, limit) = (request.py(), limit_of(timeout)?);
    let message = request.as_bytes();
    let stream = outcome(py.detach(|| services.server_stream(method, message, limit)))?;
    Ok(ServerStream { engine, stream: Mutex::new(Some(stream)), canceled: Arc::default() })
}

/// A Python iterator of bytes, with the GIL only for the pull.
struct Pulled(Py<PyIterator>);

impl Iterator for Pulled {
    type Item = Result<Bytes, Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        Python::attach(|py| {
            let item = self.0.bind(py).clone().next()?;
            Some(item.and_then(|item| message_of(&item)).map_err(raised))
        })
    }
}

fn message_of(item: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    let Ok(message) = item.cast::<PyBytes>() else {
        return Err(wrong_type(format!("requests: bytes are needed, not {}", type_name(item))).into());
    };
    Ok(Bytes::from_owner(PyBackedBytes::from(message.clone())))
}

/// The messages of an answer that comes in parts.
#[pyclass(frozen, weakref, module = "segengine._segengine")]
pub(crate) struct ServerStream {
    engine: Py<PyEngine>,
    /// Nothing once it has ended.
    stream: Mutex<Option<LocalStream>>,
    canceled: Arc<AtomicBool>,
}

impl ServerStream {
    /// The next message; nothing after the last one, or after the failure that ended the stream.
    fn pull(&self) -> Option<Result<Bytes, Refusal>> {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        if self.canceled.load(Ordering::Acquire) {
            *stream = None;
            return Some(Err(interrupted("the call was canceled")));
        }
        CANCELED.set(Some(Arc::clone(&self.canceled)));
        let message = stream.as_mut().and_then(Iterator::next);
        CANCELED.set(None);
        if !matches!(message, Some(Ok(_))) {
            *stream = None;
        }
        message
    }
}

#[pymethods]
impl ServerStream {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.engine.get().call(|_| {
            let Some(message) = py.detach(|| self.pull()) else { return Ok(None) };
            Ok(Some(PyBytes::new(py, &outcome(message)?)))
        })
    }

    /// Ends the call; what was not pulled yet never comes.
    fn cancel(&self) -> PyResult<()> {
        guarded(|| {
            self.canceled.store(true, Ordering::Release);
            // Where another thread waits for a message, it ends the call when it looks out the next time.
            if let Ok(mut stream) = self.stream.try_lock() {
                *stream = None;
            }
            Ok(())
        })
    }
}
