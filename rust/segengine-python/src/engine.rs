//! An open data directory, as Python holds it.
//!
//! Every method reads its arguments, releases the GIL where the work may last, and wraps the answer; nothing is decided
//! here. The caller of an embedded engine is the local administrator: who may open the files may do anything.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use segengine::engine::{Engine, OpenOptions};
use segengine_server::clock::SystemClock;

use crate::answers::Match;
use crate::batch::BatchMatch;
use crate::errors::{Answer, guarded};
use crate::lifetime::{Kept, Lifetime};
use crate::matching::{self, Asked};
use crate::server::{PyServer, Running};
use crate::services::{self, ServerStream, Services};

/// An open data directory.
#[pyclass(frozen, weakref, name = "Engine", module = "segengine._segengine")]
pub(crate) struct PyEngine {
    lifetime: Lifetime,
    engine: Kept<Engine>,
    services: Services,
    /// What answers from this engine over a network; closing stops it.
    servers: Mutex<Vec<Weak<Running>>>,
    /// Where the data directory is.
    #[pyo3(get)]
    path: String,
    /// The name of the data directory: 32 hex digits.
    #[pyo3(get)]
    engine_id: String,
    /// What the opening had to say.
    #[pyo3(get)]
    notices: Vec<String>,
}

impl PyEngine {
    /// Does the work of one counted call; a panic in it becomes `InternalError`.
    pub(crate) fn call<T>(&self, work: impl FnOnce(&Engine) -> Answer<T>) -> PyResult<T> {
        guarded(|| {
            let _call = self.lifetime.enter()?;
            work(&self.engine)
        })
    }

    /// Whether this is a forked child of the process that opened the engine.
    pub(crate) fn is_left_behind(&self) -> bool {
        self.lifetime.is_left_behind()
    }

    fn running_servers(&self) -> Vec<Arc<Running>> {
        let servers = std::mem::take(&mut *self.servers.lock().unwrap_or_else(PoisonError::into_inner));
        servers.iter().filter_map(Weak::upgrade).collect()
    }
}

impl Drop for PyEngine {
    fn drop(&mut self) {
        // Who needs the outcome closes it. Runtimes may hold on to the engine for a moment longer: the directory is free now.
        if !self.is_left_behind() {
            self.services.stop();
            drop(self.engine.close());
        }
    }
}

#[pymethods]
impl PyEngine {
    /// Opens a data directory, and makes it where it is absent.
    #[staticmethod]
    #[pyo3(signature = (path, *, create=true, key_file=None))]
    fn open(py: Python<'_>, path: PathBuf, create: bool, key_file: Option<PathBuf>) -> PyResult<Self> {
        guarded(|| {
            let options = OpenOptions {
                create,
                key_file,
                release: Some(segengine_server::unsafe_allocator::release),
                ..OpenOptions::new(Arc::new(SystemClock))
            };
            let engine = py.detach(move || Engine::open(&path, options))?;
            Ok(Self {
                services: Services::default(),
                servers: Mutex::default(),
                lifetime: Lifetime::new(),
                path: engine.path().to_string_lossy().into_owned(),
                engine_id: engine.engine_id().to_string(),
                notices: engine.notices().to_vec(),
                engine: Kept::new(engine),
            })
        })
    }

    /// Which adgroups one user may see.
    #[pyo3(signature = (identifiers, candidates, context, min_revision, resolver=None))]
    fn match_one(
        &self,
        identifiers: &Bound<'_, PyTuple>,
        candidates: Option<&Bound<'_, PyAny>>,
        context: Option<&Bound<'_, PyAny>>,
        min_revision: u64,
        resolver: Option<Py<PyAny>>,
    ) -> PyResult<Match> {
        let asked = Asked { candidates, context, min_revision };
        self.call(|engine| matching::match_one(engine, identifiers, &asked, resolver))
    }

    /// Which adgroups each of many users may see, all answered from one generation.
    fn match_batch(
        &self,
        users: &Bound<'_, PyAny>,
        candidates: Option<&Bound<'_, PyAny>>,
        context: Option<&Bound<'_, PyAny>>,
        min_revision: u64,
    ) -> PyResult<BatchMatch> {
        let asked = Asked { candidates, context, min_revision };
        self.call(|engine| matching::match_batch(engine, users, &asked))
    }

    /// Calls a method that takes one message and gives one, such as `/segengine.v1.Targeting/CountProfiles`.
    #[pyo3(signature = (method, request, timeout=None))]
    fn unary<'py>(
        &self,
        method: &str,
        request: &Bound<'py, PyBytes>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        self.call(|engine| services::unary(self.services.of(engine)?, method, request, timeout))
    }

    /// Calls a method that takes a stream of messages and gives one; the iterator is pulled on this thread.
    #[pyo3(signature = (method, requests, timeout=None))]
    fn client_stream<'py>(
        &self,
        method: &str,
        requests: &Bound<'py, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        self.call(|engine| services::client_stream(self.services.of(engine)?, method, requests, timeout))
    }

    /// As `client_stream`: the messages are `first` and the parts of the file at `path`, read without the GIL.
    #[pyo3(signature = (method, first, path, timeout=None))]
    fn file_stream<'py>(
        &self,
        method: &str,
        first: &Bound<'py, PyBytes>,
        path: PathBuf,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        self.call(|engine| services::file_stream(self.services.of(engine)?, method, first, path, timeout))
    }

    /// Calls a method that takes one message and gives a stream of them.
    #[pyo3(signature = (method, request, timeout=None))]
    fn server_stream(
        slf: &Bound<'_, Self>,
        method: &str,
        request: &Bound<'_, PyBytes>,
        timeout: Option<f64>,
    ) -> PyResult<ServerStream> {
        let (this, owner) = (slf.get(), slf.clone().unbind());
        this.call(|engine| services::server_stream(owner, this.services.of(engine)?, method, request, timeout))
    }

    /// Answers gRPC on an address of this machine; port 0 is a free one. It stops with the engine, with its own `stop`,
    /// or when nobody holds it any more.
    fn serve(slf: &Bound<'_, Self>, host: &str, port: u16) -> PyResult<PyServer> {
        let this = slf.get();
        this.call(|engine| {
            let running = slf.py().detach(|| Running::start(engine, host, port))?;
            this.servers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&running));
            Ok(PyServer::of(slf.clone().unbind(), running))
        })
    }

    /// Stops its servers and waits for running calls, then lets the directory go. Closing twice is fine, and so is closing in a forked child.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        guarded(|| {
            if self.lifetime.is_left_behind() {
                return Ok(());
            }
            self.lifetime.check_may_close()?;
            let servers = self.running_servers();
            for server in &servers {
                server.stop();
            }
            for server in &servers {
                server.wait(py, None)?;
            }
            // Streams that have no end of their own get one.
            self.services.stop();
            self.lifetime.close(py)?;
            Ok(py.detach(|| self.engine.close())?)
        })
    }

    /// Whether every further call is refused.
    #[getter]
    fn closed(&self) -> bool {
        self.lifetime.is_closed()
    }

    fn __repr__(&self) -> String {
        let state = if self.lifetime.is_closed() { ", closed" } else { "" };
        format!("<Engine {}{state}>", self.path)
    }
}
