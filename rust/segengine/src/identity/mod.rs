//! Who somebody is: identifiers as they come in, the keyed digests under which they are kept, and how they link.
//!
//! [`identifier`] reads what files, tags and requests carry; [`email`] normalises addresses before they are hashed;
//! [`digest`] turns an identifier into the 16 bytes that the engine stores in its place; [`IdentityTable`] gives each
//! digest a dense id; [`LinkSet`] says which ids are one profile.

mod columns;
pub mod digest;
pub mod email;
pub mod hex;
pub mod identifier;
mod index;
mod links;
mod reading;
mod restoring;
mod slab;
pub mod stored;
mod table;

pub(crate) use digest::Halves;
pub use digest::{Digest, DigestKey};
pub use identifier::{Identifier, IdentifierProblem, IdentifierRef, Kind};
pub(crate) use index::are_one;
pub use links::{LinkSet, Regrouping};
pub use reading::{RunReader, RunSink};
pub use restoring::Restoring;
pub(crate) use slab::Slabs;
pub use table::{IdentityTable, Newcomers};
pub(crate) use table::{LaidAside, LaidDown, on_threads, threads_for};

#[cfg(test)]
pub(crate) use links::tests::naive_profiles;
