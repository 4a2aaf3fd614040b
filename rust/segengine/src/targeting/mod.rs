//! From a user's segments to adgroups: the index, the programs, the explanation.

pub mod explain;
mod index;
mod planes;
mod prepare;

pub use explain::{ExplainNode, Operator};
pub use index::{AdgroupIndex, NaiveIndex, Scratch};
pub use planes::PlaneIndex;
pub use prepare::{Readiness, readiness};
