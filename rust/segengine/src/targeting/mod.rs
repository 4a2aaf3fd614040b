//! From a user's segments to adgroups: the index, the programs, the explanation.

mod builder;
mod candidates;
pub mod explain;
mod forms;
mod index;
mod planes;
mod prepare;
mod program;
mod rows;
mod sheet;
mod side_by_side;
#[cfg(test)]
mod twins;
mod unsafe_vector;

pub use explain::{ExplainNode, Operator};
pub use index::{AdgroupIndex, NaiveIndex, Scratch};
pub use planes::PlaneIndex;
pub use prepare::{Readiness, Rule, readiness};
pub use side_by_side::{SideBySide, USERS_AT_ONCE, Verdicts};
