//! Gives freed memory back to the system: what `OpenOptions::release` calls in the server and in the extension.
//!
//! mimalloc keeps what was freed for the next who asks, and gives it back only when somebody allocates a second later. A
//! start reads files and transposes memberships: it frees about as much as it keeps, and an engine that then only answers
//! never allocates enough to give it back. Measured on W1 with 300,000 users, growth of Pss over a fresh process: 266 MB
//! without this call, 148 MB with it; some milliseconds, once after a start and once after each bulk of writes.
//!
//! The crate has no safe call for it, hence this file. The safe twin is to do nothing, which is what an engine without
//! `release` does; `tests/allocator.rs` compares both.
#![expect(unsafe_code, reason = "mimalloc's collection is a foreign function without a safe wrapper")]

// The library that defines the function must be linked, whoever uses this module.
use mimalloc as _;

// SAFETY: the signature is that of mimalloc.h: `void mi_collect(bool force)`.
unsafe extern "C" {
    fn mi_collect(force: bool);
}

/// Gives back what this thread, and threads that have ended, freed.
pub fn release() {
    // SAFETY: it takes no pointer, may be called by any thread at any time, and frees only what nobody holds.
    unsafe { mi_collect(true) }
}
