//! The forms in which things come to the engine, for the faces: identifiers, addresses, sets of ids, customer files.
//!
//! Nothing is defined here. The faces may name the engine only, so what they need to read a request before an engine is
//! asked (or to answer without one) is passed on from where it lives.

pub use crate::bitmap::check_portable;
pub use crate::catalog::{OperationState, SegmentState};
pub use crate::identity::email::powerspace_md5;
pub use crate::identity::hex::encode as hex;
pub use crate::identity::{Identifier, IdentifierProblem, IdentifierRef, Kind};
pub use crate::segment::upload::{
    Column, Compression, Encoding, InvalidReason, Separator, UploadReport, Volume, sample_file,
};
pub use crate::targeting::Operator;
