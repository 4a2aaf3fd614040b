//! segengine turns customer files into a yes or no per ad impression: in microseconds, inside one process, with
//! nothing lost.
//!
//! Read [`engine`] first: it is the only door for the gRPC server and the Python extension. Modules may import only
//! what stands to their left in
//! `ids, limits, time, error → bitmap → expression → storage → identity → segment → targeting → catalog → engine`.

#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

pub mod bitmap;
pub mod catalog;
pub mod engine;
pub mod error;
pub mod expression;
pub mod identity;
pub mod ids;
pub mod limits;
pub mod segment;
pub mod storage;
pub mod targeting;
pub mod time;

pub use error::{Error, ErrorKind, Result};
