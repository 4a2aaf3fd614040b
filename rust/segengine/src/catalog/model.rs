//! The catalog in memory: every record by number, and the names by which people find them.
//!
//! Reads never touch the database. Lists go by number, so a page token is the last number shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::HashMap;

use super::records::{
    Adgroup, Advertiser, Campaign, IdentityRun, LinkRun, MemberDelta, OperationRecord, RequestRecord, SeenDay, Segment,
    Version,
};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{AdvertiserNumber, CampaignNumber};

/// Where a name must be unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// The network: advertisers.
    Network,
    /// An advertiser: its campaigns and shared segments.
    Advertiser(u32),
    /// A campaign: its segments and adgroups.
    Campaign(u32),
}

/// What kind of thing a name names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An advertiser.
    Advertiser,
    /// A campaign.
    Campaign,
    /// A segment.
    Segment,
    /// An adgroup.
    Adgroup,
}

impl Kind {
    /// The noun in messages.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Advertiser => "advertiser",
            Self::Campaign => "campaign",
            Self::Segment => "segment",
            Self::Adgroup => "adgroup",
        }
    }
}

/// Everything the catalog knows.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Model {
    /// Numbers and texts that are not records: counters, ids.
    pub meta: BTreeMap<String, String>,
    /// Advertisers by number.
    pub advertisers: BTreeMap<u64, Arc<Advertiser>>,
    /// Campaigns by number.
    pub campaigns: BTreeMap<u64, Arc<Campaign>>,
    /// Segments by number.
    pub segments: BTreeMap<u64, Arc<Segment>>,
    /// Segment versions by number.
    pub versions: BTreeMap<u64, Arc<Version>>,
    /// Member changes by number.
    pub deltas: BTreeMap<u64, Arc<MemberDelta>>,
    /// Identity runs by number.
    pub identity_runs: BTreeMap<u64, Arc<IdentityRun>>,
    /// Link runs by number.
    pub link_runs: BTreeMap<u64, Arc<LinkRun>>,
    /// Seen identifiers by day.
    pub seen_days: BTreeMap<u64, Arc<SeenDay>>,
    /// Adgroups by integer id.
    pub adgroups: BTreeMap<u64, Arc<Adgroup>>,
    /// Operations by number.
    pub operations: BTreeMap<u64, Arc<OperationRecord>>,
    /// Requests that must not be done twice, by number.
    pub requests: BTreeMap<u64, Arc<RequestRecord>>,
    ids: HashMap<(Scope, String), (Kind, u64)>,
    names: HashMap<(Scope, Kind, String), u64>,
    children: BTreeSet<(Scope, Kind, u64)>,
    request_keys: HashMap<String, u64>,
}

impl Model {
    /// The number of the thing called `id` in `scope`.
    #[must_use]
    pub fn by_id(&self, scope: Scope, kind: Kind, id: &str) -> Option<u64> {
        let (found, number) = *self.ids.get(&(scope, id.to_owned()))?;
        (found == kind).then_some(number)
    }

    /// The number of the thing with exactly this display name (NFC) in `scope`.
    #[must_use]
    pub fn by_name(&self, scope: Scope, kind: Kind, display_name: &str) -> Option<u64> {
        self.names.get(&(scope, kind, display_name.to_owned())).copied()
    }

    /// The numbers of the things of `kind` in `scope`, from `after` on, ascending.
    pub fn children(&self, scope: Scope, kind: Kind, after: Option<u64>) -> impl Iterator<Item = u64> + '_ {
        let first = after.map_or(0, |after| after.saturating_add(1));
        self.children.range((scope, kind, first)..=(scope, kind, u64::MAX)).map(|&(_, _, number)| number)
    }

    /// Fails when the id or the display name is taken by another thing than `number`.
    ///
    /// # Errors
    /// `AlreadyExists` naming both things.
    pub fn check_free(
        &self,
        scope: Scope,
        kind: Kind,
        number: Option<u64>,
        id: &str,
        display_name: &str,
    ) -> Result<()> {
        let taken_id = self.ids.get(&(scope, id.to_owned())).copied().filter(|&(k, n)| (k, Some(n)) != (kind, number));
        let taken_name = self.by_name(scope, kind, display_name).filter(|&taken| Some(taken) != number);
        let noun = kind.noun();
        let (other_name, message) = match (taken_id, taken_name) {
            (Some((other_kind, other)), _) => {
                let (name, other_noun) = (self.display_name(other_kind, other).unwrap_or_default(), other_kind.noun());
                let message =
                    format!("{noun} {display_name:?} would get the id {id:?}, which the {other_noun} {name:?} has");
                (name, message)
            }
            (None, Some(other)) => {
                let taken = self.id(kind, other).unwrap_or_default();
                (display_name, format!("the {noun} {taken:?} is called {display_name:?} already"))
            }
            (None, None) => return Ok(()),
        };
        let same = other_name == display_name;
        let hint =
            if same { "use the one that exists, or another name" } else { "give an id of your own, or another name" };
        Err(Error::new(ErrorKind::AlreadyExists, message).field("display_name").hint(hint))
    }

    fn display_name(&self, kind: Kind, number: u64) -> Option<&str> {
        Some(match kind {
            Kind::Advertiser => &self.advertisers.get(&number)?.display_name,
            Kind::Campaign => &self.campaigns.get(&number)?.display_name,
            Kind::Segment => &self.segments.get(&number)?.display_name,
            Kind::Adgroup => &self.adgroups.get(&number)?.display_name,
        })
    }

    fn id(&self, kind: Kind, number: u64) -> Option<&str> {
        Some(match kind {
            Kind::Advertiser => &self.advertisers.get(&number)?.id,
            Kind::Campaign => &self.campaigns.get(&number)?.id,
            Kind::Segment => &self.segments.get(&number)?.id,
            Kind::Adgroup => &self.adgroups.get(&number)?.id,
        })
    }

    /// A counter kept in the catalog; 0 when it was never set.
    #[must_use]
    pub fn counter(&self, key: &str) -> u64 {
        self.meta.get(key).and_then(|value| value.parse().ok()).unwrap_or_default()
    }

    /// The request that was made under `key`.
    #[must_use]
    pub fn request(&self, key: &str) -> Option<&Arc<RequestRecord>> {
        self.requests.get(self.request_keys.get(key)?)
    }

    /// The names of all files that some record names.
    #[must_use]
    pub fn named_files(&self) -> std::collections::HashSet<&str> {
        let versions = self.versions.values().map(|version| version.file.as_str());
        versions
            .chain(self.deltas.values().map(|delta| delta.file.as_str()))
            .chain(self.identity_runs.values().map(|run| run.file.as_str()))
            .chain(self.link_runs.values().map(|run| run.file.as_str()))
            .chain(self.seen_days.values().map(|day| day.file.as_str()))
            .chain(self.checkpoint_files())
            .filter(|file| !file.is_empty())
            .collect()
    }

    pub(super) fn index(&mut self, scope: Scope, kind: Kind, number: u64, id: &str, display_name: &str) {
        self.ids.insert((scope, id.to_owned()), (kind, number));
        self.names.insert((scope, kind, display_name.to_owned()), number);
        self.children.insert((scope, kind, number));
    }

    /// Takes out only what leads to this very thing: its name may have passed to another in the same write.
    pub(super) fn unindex(&mut self, scope: Scope, kind: Kind, number: u64, id: &str, display_name: &str) {
        let (id, name) = ((scope, id.to_owned()), (scope, kind, display_name.to_owned()));
        if self.ids.get(&id) == Some(&(kind, number)) {
            self.ids.remove(&id);
        }
        if self.names.get(&name) == Some(&number) {
            self.names.remove(&name);
        }
        self.children.remove(&(scope, kind, number));
    }

    pub(super) fn index_request(&mut self, key: &str, number: u64) {
        self.request_keys.insert(key.to_owned(), number);
    }

    pub(super) fn unindex_request(&mut self, key: &str, number: u64) {
        if self.request_keys.get(key) == Some(&number) {
            self.request_keys.remove(key);
        }
    }
}

impl Campaign {
    /// Where its id must be unique.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::Advertiser(self.advertiser.0)
    }
}

impl Segment {
    /// Where its id must be unique.
    #[must_use]
    pub fn scope(&self) -> Scope {
        segment_scope(self.advertiser, self.campaign)
    }
}

/// Where the id of a segment with these parents must be unique.
#[must_use]
pub fn segment_scope(advertiser: AdvertiserNumber, campaign: Option<CampaignNumber>) -> Scope {
    campaign.map_or(Scope::Advertiser(advertiser.0), |campaign| Scope::Campaign(campaign.0))
}
