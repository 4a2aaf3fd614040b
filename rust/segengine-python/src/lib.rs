//! The Python extension `segengine._segengine`: the engine in process, for the package around it.
//!
//! Each call reads its arguments, releases the GIL where the work may last, and wraps the answer. Nothing is decided
//! here: what a person types is `python/segengine`, what is true is the core. Everything here is private to the package,
//! every class is frozen, and `errors` alone knows Python's exceptions.
//!
//! The allocator is mimalloc: uploads and batches allocate and free in waves on several threads.

#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod answers;
mod arrays;
mod batch;
mod engine;
mod errors;
mod lifetime;
mod load;
mod matching;
mod offline;
mod server;
mod services;
mod unsafe_arrays;
mod verifying;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The native part of segengine; private to the package.
#[pyo3::pymodule]
mod _segengine {
    #[pymodule_export]
    use super::answers::Match;
    #[pymodule_export]
    use super::batch::BatchMatch;
    #[pymodule_export]
    use super::engine::PyEngine;
    use super::lifetime;
    #[pymodule_export]
    use super::load::{LoadQuestions, generate_load};
    #[cfg(debug_assertions)]
    #[pymodule_export]
    use super::offline::panic_for_a_test;
    #[pymodule_export]
    use super::offline::{check_portable, email_md5, sample_file};
    #[pymodule_export]
    use super::server::PyServer;
    #[pymodule_export]
    use super::services::ServerStream;
    #[pymodule_export]
    use super::verifying::verify_directory;
    use pyo3::prelude::*;

    /// The version of the engine, which is the package's.
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python's name")]
    const version: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_init]
    fn start(module: &Bound<'_, PyModule>) -> PyResult<()> {
        // PyO3 lists every name there; what is public is said by the stub, and an underscore.
        module.delattr("__all__")?;
        lifetime::follow_forks(module)
    }
}
