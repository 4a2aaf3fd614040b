//! What is managed: advertisers, campaigns, segments and adgroups are created, read, listed, changed and deleted here.
//!
//! Reads take the catalog as of the last commit and wait for nobody. Every mutation is one `Call`: who may, was it done
//! before, then everything that can be refused, then one transaction; so a refusal leaves nothing behind, and a call that
//! only validates is the same call without the commit. Names are looked up inside the transaction, so two creators of
//! one name meet there. What a mutation answers was built before its commit: nobody can change it in between.

mod adgroups;
mod advertisers;
mod campaigns;
mod choice;
mod paging;
mod segments;
mod size;
mod targeting;
mod upsert;
mod warnings;

pub use adgroups::{AdgroupChanges, AdgroupReference, AdgroupSettings, AdgroupView, DateChange, NewAdgroup};
pub use advertisers::{AdvertiserChanges, AdvertiserView, NewAdvertiser};
pub use campaigns::{CampaignChanges, CampaignView, NewCampaign};
pub use choice::NewName;
pub use paging::{Page, PageRequest};
pub use segments::{NewSegment, SegmentChanges, SegmentView};
pub use size::SegmentSize;
pub use targeting::Targeting;
pub use upsert::{AdgroupSpec, Upsert, Upserted};
pub use warnings::Warning;

pub use crate::catalog::{Adgroup, Advertiser, Campaign, Segment, SegmentKind, SegmentState, Status};

use super::Inner;
use super::caller::{Action, Caller, Tenant};
use super::idempotency::RequestId;
use super::publisher::Change;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::Revision;

/// What every mutation may be told beside its values.
#[derive(Debug, Clone, Default)]
pub struct Mutation {
    /// Makes a repeated call do nothing twice.
    pub request: Option<RequestId>,
    /// Check everything and change nothing. What is answered is what would be; its numbers are those that it would get
    /// now, and its revision is the one before, or 0.
    pub validate_only: bool,
}

/// One mutation on its way.
struct Call<'a> {
    caller: &'a Caller,
    action: Action,
    method: &'static str,
    how: &'a Mutation,
}

/// What the body of a mutation came to.
enum Effect<V> {
    /// All is as it was: nothing is committed.
    Nothing(V),
    /// To be committed, and to be remembered by this number.
    Change(V, u64),
}

impl Call<'_> {
    /// Checks the role, repeats an earlier answer by `repeat`, or makes the change by `act` and commits it.
    fn run<V>(
        &self,
        inner: &Inner,
        repeat: impl FnOnce(&Change<'_>, u64) -> Result<V>,
        act: impl FnOnce(&mut Change<'_>) -> Result<Effect<V>>,
    ) -> Result<V> {
        self.caller.check(self.action)?;
        if self.action == Action::Administer {
            check_network(self.caller)?;
        }
        let mut change = inner.change()?;
        let request = self.how.request.as_ref().filter(|_| !self.how.validate_only);
        if let Some(outcome) = change.done_before(self.caller, self.method, request)? {
            return repeat(&change, outcome);
        }
        match act(&mut change)? {
            Effect::Nothing(view) => Ok(view),
            Effect::Change(view, _) if self.how.validate_only => Ok(view),
            Effect::Change(view, outcome) => {
                change.remember(self.caller, self.method, request, outcome)?;
                change.commit()?;
                Ok(view)
            }
        }
    }

    /// The revision of a record after this call: that of its write, or the one before when nothing is written.
    fn revision(&self, change: &Change<'_>, before: Revision) -> Revision {
        if self.how.validate_only { before } else { change.revision }
    }
}

/// Fails for a caller of one advertiser: advertisers belong to the network.
fn check_network(caller: &Caller) -> Result<()> {
    if caller.tenant == Tenant::Network {
        return Ok(());
    }
    let message = "advertisers are made, changed and deleted by the network, and this credential belongs to one";
    Err(Error::new(ErrorKind::PermissionDenied, message).hint("use a credential of the network"))
}

/// The text by which a caller says which state it has seen; empty for what was never written.
fn etag(revision: Revision) -> String {
    if revision == Revision(0) { String::new() } else { format!("{:x}", revision.0) }
}

/// Fails when the caller has seen another state than the present one; an empty etag asks nothing.
fn check_etag(given: &str, present: Revision) -> Result<()> {
    if given.is_empty() || given == etag(present) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Conflict, "somebody else changed it since this etag was read")
        .field("etag")
        .hint("read it again, then repeat the change"))
}

/// The refusal to repeat the answer of a request whose record is gone.
fn deleted_since(what: &str) -> Error {
    Error::not_found(format!("the {what} of this request was deleted since"))
        .field("request_id")
        .hint("use a new request id for a new request")
}

/// Sets `place` to `value` when there is one; says whether that changed it.
fn set<T: PartialEq + Clone>(place: &mut T, value: Option<&T>) -> bool {
    match value {
        Some(value) if value != place => {
            *place = value.clone();
            true
        }
        _ => false,
    }
}
