//! What shows that nothing is lost: a process that is killed at a chosen moment, and the ledger of whoever killed it.
//!
//! ```text
//! draw    numbers from a seed            plan    seed ─► the same stream of steps in both processes
//! house   the small world they act in    worker  does the steps on one data directory, says what it has come to
//! script  a short fixed story, for a kill at every single system call
//! ledger  the naive model of the steps   census  what a reopened engine says of every identifier, segment and adgroup
//! full_disk  a disk that fills up and empties again
//! frozen  the directory that every later version must read
//! ```
//! No part of the product: the engine knows nothing of this crate, and nothing ships it. The parent (tests/kill.rs,
//! tests/root) never sees the child's memory; it reads acknowledgements from a pipe and keeps its own books, so what is
//! compared with the reopened directory is what the child *said*, not what it did.

pub mod census;
pub mod draw;
pub mod frozen;
pub mod full_disk;
pub mod house;
pub mod ledger;
pub mod plan;
pub mod script;
pub mod worker;
