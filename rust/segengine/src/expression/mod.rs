//! Boolean expressions over segments: tree, text, stored form, and what they demand.
//!
//! The tree is over any literal: [`text::Name`] as people write it, [`crate::ids::SegmentNumber`] once names are
//! resolved. [`tree::Expression::evaluate`] is the oracle that every faster path must equal.

pub mod groups;
pub mod normal;
pub mod stored;
pub mod text;
pub mod tree;

pub use text::Name;
pub use tree::{Expression, Node};
