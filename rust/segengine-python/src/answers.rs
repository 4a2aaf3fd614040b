//! What Match answers: one frozen object for a user, three arrays for a batch.
//!
//! Both own what they hold, so they outlive the engine, and both can be made from Python: the remote client answers with
//! the same classes. An answer's array is made when it is first looked at, which is cheaper than the answer itself when
//! all a caller asks is whether anything matched; after that every look gives the same object.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use numpy::{PyArray1, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit};
use segengine::ErrorKind;

use crate::arrays::Ids;
use crate::errors::{guarded, refused};
use crate::unsafe_arrays;

/// Ids that a repr shows.
const SHOWN: usize = 10;

/// The adgroups that one user may see.
#[pyclass(frozen, weakref, module = "segengine._segengine")]
pub(crate) struct Match {
    /// The adgroups until the array is made of them.
    answer: Mutex<Vec<u32>>,
    array: PyOnceLock<Py<PyArray1<u32>>>,
    /// The generation of the index that answered.
    #[pyo3(get)]
    generation: u64,
    /// Bit i is set when identifier i of the request is known.
    #[pyo3(get)]
    identified: u32,
    /// Identifiers, candidates and context segments that were not used.
    #[pyo3(get)]
    skipped: u32,
    /// Makes names of an array of ids.
    resolver: Option<Py<PyAny>>,
}

/// What an answer is made of again from a pickle.
type Parts = (Py<PyArray1<u32>>, u64, u32, u32);

/// The facts of an answer beside its adgroups.
pub(crate) struct Facts {
    pub(crate) generation: u64,
    pub(crate) identified: u32,
    pub(crate) skipped: u32,
}

impl Match {
    /// An answer of the engine in this process.
    pub(crate) fn of(adgroups: Vec<u32>, facts: &Facts, resolver: Option<Py<PyAny>>) -> Self {
        let Facts { generation, identified, skipped } = *facts;
        Self { answer: Mutex::new(adgroups), array: PyOnceLock::new(), generation, identified, skipped, resolver }
    }

    fn array<'a>(&'a self, py: Python<'a>) -> &'a Bound<'a, PyArray1<u32>> {
        let made = self.array.get_or_init(py, || {
            let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
            unsafe_arrays::read_only(py, std::mem::take(&mut *answer))
        });
        made.bind(py)
    }

    fn ids(&self, py: Python<'_>) -> PyResult<Vec<u32>> {
        Ok(self.array(py).try_readonly()?.as_slice()?.to_vec())
    }
}

#[pymethods]
impl Match {
    #[new]
    #[pyo3(signature = (adgroups, generation, identified, skipped, resolver=None))]
    fn new(
        adgroups: &Bound<'_, PyAny>,
        generation: u64,
        identified: u32,
        skipped: u32,
        resolver: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        guarded(|| {
            let adgroups = Ids::read("adgroups", adgroups)?.numbers("adgroups")?.to_vec();
            Ok(Self::of(adgroups, &Facts { generation, identified, skipped }, resolver))
        })
    }

    /// The adgroups: a read-only uint32 array, candidates in the order of the request.
    #[getter]
    fn adgroups(&self, py: Python<'_>) -> PyResult<Py<PyArray1<u32>>> {
        guarded(|| Ok(self.array(py).clone().unbind()))
    }

    /// The names of the adgroups, looked up now.
    fn names(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        guarded(|| {
            let Some(resolver) = &self.resolver else {
                return Err(refused(
                    ErrorKind::FailedPrecondition,
                    "this answer does not know the engine that gave it",
                    "pickled and hand-made answers hold integer ids only: look these up with engine.adgroup_names(ids)",
                ));
            };
            Ok(resolver.call1(py, (self.array(py),))?)
        })
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        guarded(|| Ok(self.array(py).len()))
    }

    fn __contains__(&self, py: Python<'_>, adgroup: &Bound<'_, PyAny>) -> PyResult<bool> {
        guarded(|| {
            let Ok(adgroup) = adgroup.extract::<u32>() else { return Ok(false) };
            Ok(self.array(py).try_readonly().map_err(PyErr::from)?.as_slice().map_err(PyErr::from)?.contains(&adgroup))
        })
    }

    fn __iter__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        guarded(|| Ok(PyTuple::new(py, self.ids(py)?)?.try_iter()?.into_any().unbind()))
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        guarded(|| {
            let Ok(other) = other.cast::<Self>() else { return Ok(false) };
            let other = other.get();
            let facts = |one: &Self| (one.generation, one.identified, one.skipped);
            Ok(facts(self) == facts(other) && self.ids(py)? == other.ids(py)?)
        })
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyType>, Parts)> {
        guarded(|| {
            let (py, this) = (slf.py(), slf.get());
            let array = this.array(py).clone().unbind();
            Ok((slf.get_type(), (array, this.generation, this.identified, this.skipped)))
        })
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        guarded(|| {
            let ids = self.ids(py)?;
            let mut text = match ids.len() {
                0 => String::from("<Match: no adgroup"),
                1 => String::from("<Match: 1 adgroup"),
                count => format!("<Match: {count} adgroups"),
            };
            let mut separator = " [";
            for id in ids.iter().take(SHOWN) {
                let _ = write!(text, "{separator}{id}");
                separator = ", ";
            }
            text.push_str(if ids.len() > SHOWN {
                ", …]"
            } else if ids.is_empty() {
                ""
            } else {
                "]"
            });
            if self.identified == 0 {
                text.push_str(", unknown user");
            }
            if self.skipped != 0 {
                let _ = write!(text, ", {} skipped", self.skipped);
            }
            let _ = write!(text, ", generation {}>", self.generation);
            Ok(text)
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.resolver)
    }
}
