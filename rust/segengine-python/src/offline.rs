//! What needs no open directory: the sample file, and the forms of addresses and sets.

use pyo3::prelude::*;
use segengine::Error;
use segengine::engine::formats;

use crate::errors::guarded;

/// A customer file that uploads as it is.
#[pyfunction]
pub(crate) fn sample_file() -> PyResult<String> {
    guarded(|| Ok(formats::sample_file()))
}

/// The MD5 of an address as customer files hold it: 32 hex digits.
#[pyfunction]
pub(crate) fn email_md5(address: &str) -> PyResult<String> {
    guarded(|| {
        let digest = formats::powerspace_md5(address).ok_or_else(|| {
            Error::invalid("the text is no e-mail address")
                .field("email")
                .hint("give one address, such as name@example.com")
        })?;
        Ok(formats::hex(&digest))
    })
}

/// The number of ids in a portable 32-bit Roaring set, which is checked before it is expanded.
#[pyfunction]
#[pyo3(signature = (data, name="data"))]
pub(crate) fn check_portable(py: Python<'_>, data: &[u8], name: &str) -> PyResult<u64> {
    guarded(|| Ok(py.detach(|| formats::check_portable(name, data))?))
}

/// Breaks a promise, for the test that no panic crosses; not in release builds.
#[cfg(debug_assertions)]
#[pyfunction]
#[pyo3(name = "_panic")]
#[expect(clippy::panic, reason = "it is what the test is about")]
pub(crate) fn panic_for_a_test(message: &str) -> PyResult<()> {
    guarded(|| panic!("{message}"))
}
