//! The gRPC face of segengine: the same services over a socket and, for the Python extension, in process.
//!
//! ```text
//! socket (listen) ─► Server (serve): a runtime per core ─┐
//! extension ──────► LocalServices (local) ───────────────┼─► Front: policy, admission, deadline ─► grpc::* ─► engine
//! ```
//!
//! [`status`] alone says which code an error gets, [`policy`] alone says who may call what. Nothing here decides about
//! users, segments or adgroups: a service reads a message, asks the engine, and writes the answer.

#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod admission;
pub mod clock;
mod convert;
pub mod file_parts;
mod front;
mod grpc;
mod health;
mod listen;
pub mod local;
pub mod policy;
pub mod serve;
pub mod status;
mod times;
pub mod unsafe_allocator;

pub use local::LocalServices;
pub use serve::{ServeOptions, Server, serve};
pub use status::Failure;

/// The messages and services of `segengine.v1`, generated from `proto/` by `cargo xtask codegen`.
#[expect(
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code is not read by people"
)]
pub mod v1 {
    include!("generated/segengine.v1.rs");

    /// Every descriptor of the package and its imports, for reflection and for the policies of the methods.
    pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/segengine.v1.descriptors.bin");
}
