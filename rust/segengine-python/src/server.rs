//! A gRPC server inside the process of Python: its threads never take the GIL.
//!
//! One thread waits for those of the server, so that the end is seen whoever brought it about, and a caller that waits
//! can look out for signals meanwhile.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use segengine::engine::Engine;
use segengine::{Error, ErrorKind};
use segengine_server::serve::{self, ServeOptions};

use crate::engine::PyEngine;
use crate::errors::{Answer, guarded, refused};
use crate::lifetime::{Kept, SIGNAL_INTERVAL};

/// A server and whether it has ended.
pub(crate) struct Running {
    server: serve::Server,
    ended: Mutex<bool>,
    ends: Condvar,
}

impl Running {
    /// Listens, and answers from `engine`.
    pub(crate) fn start(engine: &Engine, host: &str, port: u16) -> Result<Arc<Self>, Error> {
        let is_bare_ipv6 = host.contains(':') && !host.starts_with('[');
        let listen = if is_bare_ipv6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let server = serve::serve(engine, &ServeOptions { listen, ..ServeOptions::default() })?;
        let running = Arc::new(Self { server, ended: Mutex::new(false), ends: Condvar::new() });
        let waiting = Arc::clone(&running);
        let wait = move || {
            waiting.server.wait();
            *waiting.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
            waiting.ends.notify_all();
        };
        let started = std::thread::Builder::new().name("segengine-wait".to_owned()).spawn(wait);
        started.map_err(|error| Error::storage("starting a thread of the server", error))?;
        Ok(running)
    }

    /// Tells the server to end.
    pub(crate) fn stop(&self) {
        self.server.stop();
    }

    /// Whether the server has ended, after waiting at most for `limit`; looks out for signals meanwhile.
    pub(crate) fn wait(&self, py: Python<'_>, limit: Option<Duration>) -> Answer<bool> {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let pause = left.map_or(SIGNAL_INTERVAL, |left| left.min(SIGNAL_INTERVAL));
            if py.detach(|| self.ended_within(pause)) {
                return Ok(true);
            }
            py.check_signals()?;
            if left.is_some_and(|left| left <= pause) {
                return Ok(false);
            }
        }
    }

    fn ended_within(&self, pause: Duration) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let (ended, _) =
            self.ends.wait_timeout_while(ended, pause, |ended| !*ended).unwrap_or_else(PoisonError::into_inner);
        *ended
    }
}

/// A server that listens.
#[pyclass(frozen, weakref, name = "Server", module = "segengine._segengine")]
pub(crate) struct PyServer {
    /// Keeps the engine open for as long as somebody holds the server.
    engine: Py<PyEngine>,
    running: Kept<Arc<Running>>,
    /// `host:port`, as clients take it.
    #[pyo3(get)]
    target: String,
}

impl PyServer {
    pub(crate) fn of(engine: Py<PyEngine>, running: Arc<Running>) -> Self {
        Self { engine, target: running.server.target(), running: Kept::new(running) }
    }

    fn here(&self) -> Answer<&Running> {
        if self.engine.get().is_left_behind() {
            return Err(refused(
                ErrorKind::EngineClosed,
                "the server runs in another process, of which this is a forked child",
                "stop it where it was started",
            ));
        }
        Ok(&self.running)
    }
}

impl Drop for PyServer {
    fn drop(&mut self) {
        if !self.engine.get().is_left_behind() {
            self.running.stop();
        }
    }
}

#[pymethods]
impl PyServer {
    /// Waits until the server has stopped, or the time is over; signals are handled meanwhile.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        guarded(|| self.here()?.wait(py, crate::services::limit_of(timeout)?))
    }

    /// Takes no more calls, lets the running ones end, and returns when they have.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        guarded(|| {
            let running = self.here()?;
            running.stop();
            running.wait(py, None).map(|_| ())
        })
    }

    fn __repr__(&self) -> String {
        format!("<Server {}>", self.target)
    }
}
