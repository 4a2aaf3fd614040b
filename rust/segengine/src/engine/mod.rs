//! The only door.
pub mod caller;
pub mod names;
