//! An open data directory, as Python holds it.
//!
//! Every method reads its arguments, releases the GIL where the work may last, and wraps the answer; nothing is decided
//! here. The caller of an embedded engine is the local administrator: who may open the files may do anything.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use segengine::engine::{Engine, OpenOptions};

use crate::answers::Match;
use crate::batch::BatchMatch;
use crate::clock::SystemClock;
use crate::errors::{Answer, guarded};
use crate::lifetime::{Kept, Lifetime};
use crate::matching::{self, Asked};

/// An open data directory.
#[pyclass(frozen, weakref, name = "Engine", module = "segengine._segengine")]
pub(crate) struct PyEngine {
    lifetime: Lifetime,
    engine: Kept<Engine>,
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
    fn call<T>(&self, work: impl FnOnce(&Engine) -> Answer<T>) -> PyResult<T> {
        guarded(|| {
            let _call = self.lifetime.enter()?;
            work(&self.engine)
        })
    }
}

#[pymethods]
impl PyEngine {
    /// Opens a data directory, and makes it where it is absent.
    #[staticmethod]
    #[pyo3(signature = (path, *, create=true, key_file=None))]
    fn open(py: Python<'_>, path: PathBuf, create: bool, key_file: Option<PathBuf>) -> PyResult<Self> {
        guarded(|| {
            let options = OpenOptions { create, key_file, ..OpenOptions::new(Arc::new(SystemClock)) };
            let engine = py.detach(move || Engine::open(&path, options))?;
            Ok(Self {
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

    /// Waits for running calls, then lets the directory go. Closing twice is fine, and so is closing in a forked child.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        guarded(|| {
            if self.lifetime.is_left_behind() {
                return Ok(());
            }
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
