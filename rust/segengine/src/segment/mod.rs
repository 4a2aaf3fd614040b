//! Segment versions: who is in them, in both directions.

pub mod checkpoint;
pub mod memberships;
mod records;
pub mod stored;
mod transpose;
pub mod upload;
mod version;
