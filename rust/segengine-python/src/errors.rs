//! The only place where an error of the engine becomes a Python exception, and where a panic ends.
//!
//! Classes and their constructor live in `segengine.errors`, which is imported once, at the first failure: both faces
//! of the package (in process and gRPC) make their exceptions with its `error_of(code, …)`, so a caller meets the same
//! classes. What stays a plain `TypeError` is a Python value of the wrong type, as in any Python function.
//!
//! [`guarded`] wraps what a method does: a panic below is a broken promise of the engine and becomes `InternalError`,
//! because PyO3's own `PanicException` is no `Exception` and would end a service that catches those.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::{PyMemoryError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use segengine::{Error, ErrorKind};

/// Why a call of the binding did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The engine refused.
    Engine(Error),
    /// Python already has its exception: a wrong type, or what a caller's own iterator raised.
    Python(PyErr),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            // A method is attached already, so this costs a look at a thread-local.
            Failure::Engine(error) => Python::attach(|py| exception(py, &error)),
            Failure::Python(error) => error,
        }
    }
}

/// A result of the binding.
pub(crate) type Answer<T> = Result<T, Failure>;

/// The exception of an error: `segengine.errors.error_of(code, message, field=…, hint=…)`.
fn exception(py: Python<'_>, error: &Error) -> PyErr {
    static ERROR_OF: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made = ERROR_OF.import(py, "segengine.errors", "error_of").and_then(|error_of| {
        let rest = PyDict::new(py);
        rest.set_item(intern!(py, "field"), error.field_name())?;
        rest.set_item(intern!(py, "hint"), error.hint_text())?;
        error_of.call((error.kind().name(), error.message()), Some(&rest))
    });
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(broken) => broken,
    }
}

/// Does the work of one call; a panic in it becomes `InternalError`.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Answer<T>) -> PyResult<T> {
    // Nothing of the binding is seen half changed after a panic: its classes are frozen, its counters restore themselves.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(answer) => answer.map_err(PyErr::from),
        Err(panic) => Err(Failure::Engine(broken_promise(panic.as_ref())).into()),
    }
}

fn broken_promise(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::internal(format!("the engine broke a promise of its own: {}", text.unwrap_or("no reason given")))
        .hint("this is a defect: please report it with the lines that the process printed")
}

/// A Python value of the wrong type: what was expected, and what to do.
pub(crate) fn wrong_type(message: impl Into<String>) -> Failure {
    Failure::Python(PyTypeError::new_err(message.into()))
}

/// A result that does not fit into memory.
pub(crate) fn no_memory(what: &str, bytes: usize) -> Failure {
    Failure::Python(PyMemoryError::new_err(format!("{what}: {bytes} bytes are needed at once; ask for less of it")))
}

/// The name of a value's type, for messages: never the value.
pub(crate) fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().fully_qualified_name().map_or_else(|_| "object".to_owned(), |name| name.to_string())
}

/// The class of `kind`, with a message and a hint: for what only the binding can find.
pub(crate) fn refused(kind: ErrorKind, message: impl Into<String>, hint: &str) -> Failure {
    Failure::Engine(Error::new(kind, message).hint(hint))
}
