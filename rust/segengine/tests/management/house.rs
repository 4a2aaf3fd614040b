//! A real engine in a folder of its own, and what a caller can see of it.

use std::sync::Arc;

use segengine::engine::caller::{Caller, Role, Tenant};
use segengine::engine::formats::{IdentifierRef, Kind};
use segengine::engine::management::{
    AdgroupSettings, AdgroupView, Mutation, NewAdgroup, NewCampaign, NewName, NewSegment, PageRequest, SegmentView,
    Targeting,
};
use segengine::engine::names::{AdgroupName, AdvertiserName, CampaignName, Parent, SegmentName};
use segengine::engine::{Candidates, Engine, MatchQuestion, MatchScratch, OpenOptions, RequestId};
use segengine::ids::AdvertiserNumber;
use segengine::time::ManualClock;
use segengine::{Error, Result};

/// The instant at which every engine here begins.
pub(crate) const NOW: i64 = 1_700_000_000_000;

/// An engine, its folder and its clock.
pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) engine: Engine,
}

/// The administrator on this machine.
pub(crate) fn admin() -> Caller {
    Caller::local_admin()
}

/// Who manages one advertiser.
pub(crate) fn console(advertiser: u32) -> Caller {
    Caller { role: Role::Console, tenant: Tenant::Advertiser(AdvertiserNumber(advertiser)) }
}

pub(crate) fn campaign(name: &str) -> CampaignName {
    CampaignName::parse(name).unwrap()
}

pub(crate) fn adgroup(name: &str) -> AdgroupName {
    AdgroupName::parse(name).unwrap()
}

pub(crate) fn segment(name: &str) -> SegmentName {
    SegmentName::parse(name).unwrap()
}

pub(crate) fn parent(name: &str) -> Parent {
    Parent::parse(name).unwrap()
}

pub(crate) fn advertiser(name: &str) -> AdvertiserName {
    AdvertiserName::parse(name).unwrap()
}

/// A mutation that names its request.
pub(crate) fn request(id: &str, fingerprint: &str) -> Mutation {
    let request = RequestId { id: id.to_owned(), fingerprint: fingerprint.to_owned() };
    Mutation { request: Some(request), validate_only: false }
}

/// A mutation that changes nothing.
pub(crate) fn validate() -> Mutation {
    Mutation { request: None, validate_only: true }
}

/// Include groups of one segment each, and excludes.
pub(crate) fn groups(include: &[&str], exclude: &[&str]) -> Targeting {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let include = if include.is_empty() { Vec::new() } else { vec![owned(include)] };
    Targeting::Groups { include, exclude: owned(exclude) }
}

pub(crate) fn asking(targeting: Targeting) -> AdgroupSettings {
    AdgroupSettings { targeting, ..AdgroupSettings::default() }
}

impl House {
    /// An empty engine.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let engine = open(&folder, &clock);
        Self { folder, clock, engine }
    }

    /// An engine with the campaign acme/spring and its segments "Clients actifs" and "Abonnés".
    pub(crate) fn furnished() -> Self {
        let house = Self::new();
        house.campaign("acme/spring").unwrap();
        house.segment("acme/spring", "Clients actifs").unwrap();
        house.segment("acme/spring", "Abonnés").unwrap();
        house
    }

    /// The same folder, opened again.
    pub(crate) fn reopened(self) -> Self {
        self.engine.close().unwrap();
        let Self { folder, clock, engine } = self;
        drop(engine);
        let engine = open(&folder, &clock);
        Self { folder, clock, engine }
    }

    pub(crate) fn campaign(&self, name: &str) -> Result<CampaignName> {
        let name = campaign(name);
        let new = NewName { id: name.campaign.clone(), ..NewName::default() };
        let new = NewCampaign { name: new, create_parents: true, ..NewCampaign::default() };
        let parent = AdvertiserName { advertiser: name.advertiser };
        self.engine.create_campaign(&admin(), &parent, &new, &Mutation::default()).map(|made| made.name)
    }

    pub(crate) fn segment(&self, place: &str, display_name: &str) -> Result<SegmentView> {
        let new = NewSegment { name: NewName::of(display_name) };
        self.engine.create_segment(&admin(), &parent(place), &new, &Mutation::default())
    }

    pub(crate) fn adgroup(&self, display_name: &str, targeting: Targeting) -> Result<AdgroupView> {
        let new = NewAdgroup { name: NewName::of(display_name), settings: asking(targeting) };
        self.engine.create_adgroup(&admin(), &campaign("acme/spring"), &new, &Mutation::default())
    }

    /// Replaces the members of a segment by the users of these numbers.
    pub(crate) fn fill(&self, place: &str, name: &str, users: std::ops::Range<u32>) {
        let mut load = self.engine.begin_load(&admin(), &parent(place), vec![name.to_owned()], None).unwrap();
        for user in users {
            let value = format!("user-{user}");
            load.push(IdentifierRef::check(Kind::Network, value.as_bytes(), ""), 0, 19_675).unwrap();
        }
        load.finish().unwrap();
    }

    /// The adgroups that a user may see.
    pub(crate) fn matching(&self, user: u32) -> Vec<u32> {
        let mut scratch = MatchScratch::default();
        let value = format!("user-{user}");
        let identifier = [IdentifierRef::new(Kind::Network, value.as_bytes(), "").ok()];
        let question = MatchQuestion::about(Candidates::All);
        self.engine.match_one(&admin(), identifier, &question, &mut scratch).unwrap();
        let mut found = scratch.adgroups().to_vec();
        found.sort_unstable();
        found
    }

    /// Everything that lists show to the administrator, and the last write.
    pub(crate) fn seen(&self) -> Vec<String> {
        let all = PageRequest { size: 1_000, ..PageRequest::default() };
        let (engine, admin) = (&self.engine, admin());
        let mut seen = vec![format!("{:?} {:?}", engine.revision(), engine.generation())];
        for advertiser in engine.advertisers(&admin, &all).unwrap().items {
            seen.push(format!("{advertiser:?}"));
            let shared = engine.segments(&admin, &Parent::Advertiser(advertiser.name.clone()), &all).unwrap();
            seen.extend(shared.items.iter().map(|segment| format!("{segment:?}")));
            for campaign in engine.campaigns(&admin, &advertiser.name, &all).unwrap().items {
                seen.push(format!("{campaign:?}"));
                let own = engine.segments(&admin, &Parent::Campaign(campaign.name.clone()), &all).unwrap();
                seen.extend(own.items.iter().map(|segment| format!("{segment:?}")));
                let adgroups = engine.adgroups(&admin, &campaign.name, &all).unwrap();
                seen.extend(adgroups.items.iter().map(|adgroup| format!("{adgroup:?}")));
            }
        }
        seen
    }
}

fn open(folder: &tempfile::TempDir, clock: &Arc<ManualClock>) -> Engine {
    Engine::open(&folder.path().join("data"), OpenOptions::new(Arc::clone(clock) as _)).unwrap()
}

/// The error of a refusal, as kind, field and message.
pub(crate) fn refused<T: std::fmt::Debug>(outcome: Result<T>) -> (segengine::ErrorKind, String, String) {
    let error: Error = outcome.expect_err("this was not refused");
    (error.kind(), error.field_name().unwrap_or_default().to_owned(), error.message().to_owned())
}
