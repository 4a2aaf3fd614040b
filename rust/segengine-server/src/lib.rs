//! The gRPC face of segengine: the same services over a socket and, for the Python extension, in process.

/// The messages and services of `segengine.v1`, generated from `proto/` by `cargo xtask codegen`.
#[expect(clippy::pedantic, reason = "generated code")]
pub mod v1 {
    include!("generated/segengine.v1.rs");

    /// Every descriptor of the package and its imports, for reflection and for the policies of the methods.
    pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/segengine.v1.descriptors.bin");
}
