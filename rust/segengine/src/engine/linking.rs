//! Links between identifiers: all pairs of a call, or none.
//!
//! Pairs are taken in first ([`Linking`]), then one run of links, one of new identifiers and the sightings are written
//! and named by one transaction; memory follows, component by component, so a reader sees each before or after
//! (invariant 10). Identifier files never change; every derived set moves with the link epoch (invariant 11).

use std::collections::{BTreeMap, HashSet};

use super::caller::{Action, Caller};
use super::intake::Intake;
use super::publisher::Change;
use super::{Engine, Inner, RequestId, Written};
use crate::bitmap::IdentifierSet;
use crate::catalog::LinkRun;
use crate::error::{Error, Result};
use crate::identity::stored::{LINKS_FILE, LinkStep, decode_links, encode_links};
use crate::identity::{Digest, IdentifierRef, Kind};
use crate::ids::{IdentifierId, LinkEpoch, Revision};
use crate::limits;
use crate::segment::memberships::LinkChange;
use crate::time::Timestamp;

/// Link runs after which the small ones at the end are written together.
const RUNS: usize = 24;
/// What request ids of links are remembered under.
const METHOD: &str = "Link";

/// One side of a pair.
type Side = (Digest, Kind);

/// Pairs that are being taken in.
pub struct Linking {
    engine: Engine,
    caller: Caller,
    add: bool,
    pairs: Vec<(Side, Side)>,
}

/// What linking or unlinking did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Linked {
    /// Pairs given.
    pub pairs: u64,
    /// Links made or withdrawn.
    pub changed: u64,
    /// Pairs that were linked, or not linked, already.
    pub unchanged: u64,
    /// Identifiers that stand alone now because their component has more than 50.
    pub dissolved: u64,
    /// Identifiers seen for the first time.
    pub new_identifiers: u64,
    /// The write.
    pub written: Written,
    /// The link epoch after it.
    pub link_epoch: LinkEpoch,
}

impl Engine {
    /// Begins to link pairs, or to withdraw links.
    ///
    /// # Errors
    /// `PermissionDenied`; `EngineClosed`.
    pub fn begin_linking(&self, caller: &Caller, add: bool) -> Result<Linking> {
        self.inner.check_open()?;
        caller.check(Action::Ingest)?;
        Ok(Linking { engine: self.clone(), caller: *caller, add, pairs: Vec::new() })
    }

    /// The profile of each identifier; nothing where it is unknown or malformed. Reading never links. Returns also the
    /// link epoch to which the profiles belong.
    ///
    /// # Errors
    /// `PermissionDenied`; `EngineClosed`.
    pub fn resolve<'i>(
        &self,
        caller: &Caller,
        identifiers: impl Iterator<Item = Option<IdentifierRef<'i>>>,
    ) -> Result<(Vec<Option<u32>>, LinkEpoch)> {
        self.inner.check_open()?;
        caller.check(Action::Read)?;
        let inner = &self.inner;
        Ok(inner.memberships.with_links(|links| {
            let found = identifiers.map(|identifier| {
                let id = inner.identity.find(&identifier?.digest(&inner.key))?;
                Some(inner.identity.profile(id).0)
            });
            (found.collect(), links.epoch())
        }))
    }
}

impl Linking {
    /// Takes one pair.
    pub fn push(&mut self, one: IdentifierRef<'_>, other: IdentifierRef<'_>) {
        let side = |identifier: IdentifierRef<'_>| (identifier.digest(&self.engine.inner.key), identifier.kind());
        let pair = (side(one), side(other));
        self.pairs.push(pair);
    }

    /// Pairs so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether no pair was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Links or unlinks all pairs; it serves when this returns. `seen` makes addressable identifiers reachable.
    ///
    /// # Errors
    /// `InvalidInput` for a date in the future; `LimitExceeded`; `Storage`: nothing was changed.
    pub fn finish(self, seen: Option<Timestamp>, request: Option<&RequestId>) -> Result<Linked> {
        let day = self.seen_day(seen)?;
        let inner = &*self.engine.inner;
        let _writer = inner.identity_writer.lock();
        let mut intake = Intake::new(&inner.identity);
        let ids = self.ids(&mut intake, day)?;
        let (settled, unknown) = inner.sort_out(intake);
        let (steps, epoch) = self.steps(&ids);
        inner.check_merged_width(self.add, &steps)?;
        let sightings = inner.sightings_of(&ids, day);
        let run = if unknown.is_empty() { None } else { Some(inner.write_run(&unknown)?) };
        let mut change = inner.change()?;
        if let Some(revision) = change.done_before(&self.caller, METHOD, request)? {
            return Ok(self.repeated(Revision(revision)));
        }
        let mut replaced = match run {
            Some(run) => inner.name_run(&mut change, run)?,
            None => Vec::new(),
        };
        if !steps.is_empty() {
            replaced.extend(inner.name_links(&mut change, &steps, epoch)?);
        }
        replaced.extend(inner.write_sightings(&mut change, sightings)?);
        let revision = change.revision;
        change.remember(&self.caller, METHOD, request, revision.0)?;
        let pairs: Vec<(IdentifierId, IdentifierId)> = steps.iter().map(|step| (step.one, step.other)).collect();
        let mut outcome = LinkChange::default();
        let written = change.commit_then(|_| {
            inner.join(&unknown);
            outcome = inner.memberships.link(&pairs, self.add);
            let seen = ids.iter().flat_map(|&(one, other)| [one, other]).flatten();
            seen.filter(|_| day > 0).for_each(|id| inner.mark_seen(IdentifierId(id), day));
        })?;
        inner.remove_files(&replaced);
        let (dissolved, link_epoch) =
            inner.memberships.with_links(|links| (links.dissolved_identifiers() as u64, links.epoch()));
        Ok(Linked {
            pairs: self.pairs.len() as u64,
            changed: outcome.changed,
            unchanged: self.pairs.len() as u64 - outcome.changed,
            dissolved,
            new_identifiers: u64::from(settled.joined),
            written,
            link_epoch,
        })
    }

    fn seen_day(&self, seen: Option<Timestamp>) -> Result<u16> {
        let Some(seen) = seen else { return Ok(0) };
        let now = self.engine.now();
        if seen.day() > now.day().saturating_add(1) {
            return Err(Error::invalid("the pairs cannot have been seen in the future").field("seen"));
        }
        Ok(seen.day())
    }

    /// Ids of both sides; unlinking looks identifiers up and creates none.
    fn ids(&self, intake: &mut Intake, day: u16) -> Result<Vec<(Option<u32>, Option<u32>)>> {
        let identity = &self.engine.inner.identity;
        let mut id_of = |(digest, kind): &Side| {
            if !self.add {
                return Ok(identity.find(digest).map(|id| id.0));
            }
            let day = if kind.addressable() { day } else { 0 };
            intake.take(identity, digest, *kind, day).map(Some)
        };
        self.pairs.iter().map(|(one, other)| Ok((id_of(one)?, id_of(other)?))).collect()
    }

    /// The pairs that change the set of links, each once, and the epoch after them.
    fn steps(&self, ids: &[(Option<u32>, Option<u32>)]) -> (Vec<LinkStep>, LinkEpoch) {
        self.engine.inner.memberships.with_links(|links| {
            let mut seen = HashSet::new();
            let pairs = ids.iter().filter_map(|&(one, other)| Some((one?, other?)));
            let changing =
                pairs.map(|(one, other)| (IdentifierId(one.min(other)), IdentifierId(one.max(other)))).filter(
                    |&(one, other)| one != other && links.contains(one, other) != self.add && seen.insert((one, other)),
                );
            let steps: Vec<_> = changing.map(|(one, other)| LinkStep { add: self.add, one, other }).collect();
            let epoch = LinkEpoch(links.epoch().0 + steps.len() as u64);
            (steps, epoch)
        })
    }

    /// The answer to a request that was done before: nothing more changes.
    fn repeated(&self, revision: Revision) -> Linked {
        let (dissolved, link_epoch) =
            self.engine.inner.memberships.with_links(|links| (links.dissolved_identifiers() as u64, links.epoch()));
        let pairs = self.pairs.len() as u64;
        let written = Written { revision, generation: self.engine.generation() };
        Linked { pairs, changed: 0, unchanged: pairs, dissolved, new_identifiers: 0, written, link_epoch }
    }
}

impl Inner {
    /// Writes and names a run of links. Where many small runs have come together, they become one: returns the files that
    /// are then no longer named.
    fn name_links(&self, change: &mut Change<'_>, steps: &[LinkStep], epoch: LinkEpoch) -> Result<Vec<String>> {
        let file = self.new_file("links", LINKS_FILE, &encode_links(steps))?;
        let number = change.write.next("link_runs")?;
        let mut all = steps.to_vec();
        let mut replaced = Vec::new();
        if change.model().link_runs.len() >= RUNS {
            let mut runs: Vec<_> = change.model().link_runs.values().cloned().collect();
            while let Some(run) = runs.pop_if(|run| run.count <= 2 * all.len() as u64 || replaced.len() < 2) {
                let bytes = self.folder.read(&run.file, LINKS_FILE)?;
                let mut earlier = decode_links(&run.file, &bytes, run.count, u32::MAX)?;
                earlier.append(&mut all);
                all = earlier;
                change.write.remove::<LinkRun>(run.number)?;
                replaced.push(run.file.clone());
            }
            replaced.push(file);
            let file = self.new_file("links", LINKS_FILE, &encode_links(&all))?;
            change.write.put(LinkRun { number, count: all.len() as u64, epoch, file })?;
            return Ok(replaced);
        }
        change.write.put(LinkRun { number, count: all.len() as u64, epoch, file })?;
        Ok(replaced)
    }

    /// The known addressable identifiers of the pairs that were not seen as late as `day`.
    fn sightings_of(&self, ids: &[(Option<u32>, Option<u32>)], day: u16) -> BTreeMap<u16, IdentifierSet> {
        let mut seen = BTreeMap::new();
        if day > 0 {
            let known = ids.iter().flat_map(|&(one, other)| [one, other]).flatten().map(IdentifierId);
            let later = known.filter(|&id| self.is_addressable(id) && self.identity.seen_day(id) < day);
            let later: Vec<u32> = later.map(|id| id.0).collect();
            seen.insert(day, IdentifierSet::of(&later));
        }
        seen
    }

    /// Refuses links that would put more live segments into one profile than a record may hold (invariant 16).
    fn check_merged_width(&self, add: bool, steps: &[LinkStep]) -> Result<()> {
        let live = self.generation.load().slots.all_live().count();
        if !add || live <= limits::SEGMENTS_PER_PROFILE {
            return Ok(());
        }
        let wide = steps.iter().position(|step| {
            self.memberships.width(step.one) + self.memberships.width(step.other) > limits::SEGMENTS_PER_PROFILE
        });
        let Some(place) = wide else { return Ok(()) };
        let most = limits::SEGMENTS_PER_PROFILE as u64;
        Err(Error::limit("segments_per_profile", most + 1, most, "segments")
            .at(format_args!("link {place}"))
            .hint("these two would be in too many segments as one person: leave the pair out"))
    }
}
