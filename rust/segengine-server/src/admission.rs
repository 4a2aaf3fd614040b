//! How many calls may be in flight at once, over all connections and runtimes of a server.
//!
//! A server that takes everything answers nobody in time; beyond the bound a call is refused at once, before its body is
//! read. Cost: one atomic addition at the beginning and one at the end of a call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tonic::Status;

use crate::status;

/// Counts the calls in flight.
#[derive(Debug)]
pub(crate) struct Admission {
    in_flight: AtomicUsize,
    most: usize,
}

/// A place taken; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Admission>);

impl Admission {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { in_flight: AtomicUsize::new(0), most })
    }

    /// Takes a place.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` with the pause after which another try is worth it.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Permit, Status> {
        // Relaxed: the number is a bound on work, no memory is handed over with it.
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        let permit = Permit(Arc::clone(self));
        if before >= self.most { Err(status::overloaded(before)) } else { Ok(permit) }
    }

    /// Calls in flight now.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_bound_is_refused_until_somebody_leaves() {
        let admission = Admission::new(2);
        let one = admission.enter().unwrap();
        let _two = admission.enter().unwrap();
        assert!(admission.enter().is_err());
        drop(one);
        assert!(admission.enter().is_ok(), "a refused call must not keep a place");
    }
}
