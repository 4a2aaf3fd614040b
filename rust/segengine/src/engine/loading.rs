//! Bulk load: pairs of identifier and segment become the members of many segments, all in one step.
//!
//! Pairs are keyed and looked up as they come, into one set for each segment. At the end the missing segments are
//! created and the members of all named ones replaced by one transaction and one generation. Memory: the sets, a short
//! list for each segment, and about 25 bytes for each identifier that the engine never saw.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use super::caller::{Action, Caller};
use super::intake::Intake;
use super::lookup;
use super::names::{Parent, SegmentName};
use super::phase::Phase;
use super::publisher::Change;
use super::replacing::Replacement;
use super::uploading::new_segment;
use super::{Engine, Inner, RequestId, Written};
use crate::bitmap::IdentifierSet;
use crate::catalog::{Segment, SegmentState};
use crate::error::{Error, Result};
use crate::identity::{Digest, IdentifierProblem, IdentifierRef, Kind};
use crate::ids::{self, IdentifierId, Revision, SegmentNumber};
use crate::limits;

const METHOD: &str = "LoadMemberships";
/// Ids of one segment that are collected before they go into its set.
const BUFFER: usize = 256;

/// A load that is being taken in.
pub struct Load {
    engine: Engine,
    caller: Caller,
    parent: Parent,
    names: Vec<String>,
    request: Option<RequestId>,
    intake: Intake,
    sets: Vec<IdentifierSet>,
    buffers: Vec<Vec<u32>>,
    /// Known addressable identifiers by the day they were seen.
    sightings: BTreeMap<u16, Vec<u32>>,
    rows: u64,
    valid: u64,
    invalid: BTreeMap<String, u64>,
}

/// A segment after a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedSegment {
    /// Its resource name.
    pub name: SegmentName,
    /// Its display name.
    pub display_name: String,
    /// Its profiles.
    pub profiles: u64,
    /// Whether the load created it.
    pub created: bool,
}

/// What a load did: `rows = valid + invalid`, `valid = unique + duplicates`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Pairs given.
    pub rows: u64,
    /// Pairs with a usable identifier.
    pub valid: u64,
    /// Valid pairs that were not given before.
    pub unique: u64,
    /// Pairs without one, by reason.
    pub invalid: BTreeMap<String, u64>,
    /// The segments, in the order of their names.
    pub segments: Vec<LoadedSegment>,
    /// Distinct identifiers.
    pub identifiers: u64,
    /// Those seen for the first time.
    pub new_identifiers: u64,
    /// The write.
    pub written: Written,
}

/// A segment of a load, found or about to be created.
struct Target {
    number: SegmentNumber,
    display_name: String,
    created: bool,
}

impl Engine {
    /// Begins to load pairs into the segments called `names` (ids or display names) of `parent`.
    ///
    /// # Errors
    /// `NotFound` for the parent; `InvalidInput`, `AlreadyExists` for names; `PermissionDenied`; `EngineClosed`.
    pub fn begin_load(
        &self,
        caller: &Caller,
        parent: &Parent,
        names: Vec<String>,
        request: Option<RequestId>,
    ) -> Result<Load> {
        caller.check(Action::Ingest)?;
        self.inner.check_open()?;
        lookup::place(&self.inner.catalog.read(), caller, parent)?;
        for (place, name) in names.iter().enumerate() {
            ids::display_name(name).map_err(|error| error.at(format_args!("segments[{place}]")))?;
        }
        Ok(Load {
            engine: self.clone(),
            caller: *caller,
            parent: parent.clone(),
            request,
            intake: Intake::new(&self.inner.identity),
            sets: vec![IdentifierSet::new(); names.len()],
            buffers: vec![Vec::new(); names.len()],
            names,
            sightings: BTreeMap::new(),
            rows: 0,
            valid: 0,
            invalid: BTreeMap::new(),
        })
    }
}

impl Load {
    /// Takes one pair: an identifier, or why it is none, the place of its segment, the day it was seen (0: not known).
    ///
    /// # Errors
    /// `InvalidInput` for a place that names no segment; `LimitExceeded`.
    pub fn push(
        &mut self,
        identifier: Result<IdentifierRef<'_>, IdentifierProblem>,
        segment: u32,
        day: u16,
    ) -> Result<()> {
        self.rows += 1;
        match identifier {
            Ok(identifier) => {
                let digest = identifier.digest(&self.engine.inner.key);
                self.take(&digest, identifier.kind(), &[segment], day)
            }
            Err(problem) => {
                self.check_place(segment)?;
                *self.invalid.entry(problem.reason().to_owned()).or_default() += 1;
                Ok(())
            }
        }
    }

    /// Takes many pairs whose identifiers are raw hashes of one kind: several are keyed at once.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_hashes<const WIDTH: usize>(
        &mut self,
        kind: Kind,
        values: &[[u8; WIDTH]],
        segments: &[u32],
        days: &[u16],
    ) -> Result<()> {
        self.rows += values.len() as u64;
        // Pairs mostly come person by person: a value that repeats is keyed and looked up once.
        let runs = values.chunk_by(|one, other| one == other);
        let distinct: Vec<[u8; WIDTH]> = runs.clone().filter_map(|run| run.first().copied()).collect();
        let mut digests: Vec<Digest> = Vec::with_capacity(distinct.len());
        self.engine.inner.key.digest_values(kind, &distinct, |digest| digests.push(digest));
        let mut start = 0;
        for ((run, digest), value) in runs.zip(&digests).zip(&distinct) {
            let rows = start..start + run.len();
            start = rows.end;
            match IdentifierRef::check(kind, value, "") {
                Ok(_) => {
                    let day = days.get(rows.clone()).unwrap_or_default().iter().max().copied().unwrap_or_default();
                    self.take(digest, kind, segments.get(rows).unwrap_or_default(), day)?;
                }
                Err(problem) => {
                    *self.invalid.entry(problem.reason().to_owned()).or_default() += run.len() as u64;
                }
            }
        }
        Ok(())
    }

    /// Counts rows that the sender left out.
    pub fn left_out(&mut self, reason: &str, count: u64) {
        self.rows += count;
        *self.invalid.entry(reason.to_owned()).or_default() += count;
    }

    fn check_place(&self, segment: u32) -> Result<()> {
        if (segment as usize) < self.sets.len() {
            return Ok(());
        }
        let message = format!("row {}: segment {segment} of {} named ones", self.rows, self.sets.len());
        Err(Error::invalid(message).field("segments").hint("number the segments of the header from 0"))
    }

    /// Takes pairs of one identifier, which was last seen on `day`.
    fn take(&mut self, digest: &Digest, kind: Kind, segments: &[u32], day: u16) -> Result<()> {
        segments.iter().try_for_each(|&segment| self.check_place(segment))?;
        let inner = &self.engine.inner;
        let day = if kind.addressable() { day } else { 0 };
        let id = self.intake.take(&inner.identity, digest, kind, day)?;
        self.valid += segments.len() as u64;
        if day > 0 && id < self.intake.base() && inner.identity.seen_day(IdentifierId(id)) < day {
            self.sightings.entry(day).or_default().push(id);
        }
        for &segment in segments {
            let place = segment as usize;
            let Some((buffer, set)) = self.buffers.get_mut(place).zip(self.sets.get_mut(place)) else { continue };
            buffer.push(id);
            if buffer.len() >= BUFFER {
                set.extend(buffer);
                buffer.clear();
            }
        }
        Ok(())
    }

    /// Creates the missing segments and replaces the members of all; both directions serve when this returns.
    ///
    /// # Errors
    /// `Conflict` while another load or upload fills one of them; `AlreadyExists`, `InvalidInput` for names;
    /// `LimitExceeded`; `Storage`: no segment was changed then.
    pub fn finish(mut self) -> Result<Loaded> {
        let engine = self.engine.clone();
        let inner = &*engine.inner;
        inner.observe(Phase::Receive);
        for (set, buffer) in self.sets.iter_mut().zip(&self.buffers) {
            set.extend(buffer);
        }
        if let Some(repeated) = self.repeated()? {
            return Ok(repeated);
        }
        let settled = inner.settle(std::mem::replace(&mut self.intake, Intake::new(&inner.identity)))?;
        let sets: Vec<_> = std::mem::take(&mut self.sets).into_iter().map(|set| settled.renumber(set)).collect();
        let identifiers = IdentifierSet::union(&sets).len();
        let (accepted, targets) = self.accept(inner)?;
        let staged = self.stage(inner, accepted, &targets, sets);
        let replacement = staged.inspect_err(|_| inner.abandon_accepted(targets.iter().map(|target| target.number)))?;
        let published = inner
            .prepare(&replacement, &AtomicBool::new(false))
            .and_then(|()| inner.publish(&replacement, |change| self.finish_change(inner, change, &targets)));
        let written = match published {
            Ok(written) => written,
            Err(error) => {
                inner.abandon(replacement);
                return Err(error);
            }
        };
        self.mark_seen(inner);
        let unique = replacement.uploaded_len();
        Ok(Loaded {
            rows: self.rows,
            valid: self.valid,
            unique,
            invalid: self.invalid,
            segments: loaded_segments(inner, &targets),
            identifiers,
            new_identifiers: u64::from(settled.joined),
            written,
        })
    }

    /// Accepts the replacement of every segment, and gives numbers to those that will be created.
    fn accept(&self, inner: &Inner) -> Result<(Revision, Vec<Target>)> {
        let mut change = inner.change()?;
        let place = lookup::place(change.model(), &self.caller, &self.parent)?;
        let mut targets: Vec<Target> = Vec::with_capacity(self.names.len());
        for name in &self.names {
            let (number, display_name, created) = match lookup::segment_in(change.model(), &place, name) {
                Some(found) => (found.number, found.display_name.clone(), false),
                None => (SegmentNumber(change.write.next_dense("segments", limits::SEGMENTS)?), name.clone(), true),
            };
            if let Some(other) = change.publisher.replacing.get(&number.0) {
                return Err(other.refusal(name));
            }
            targets.push(Target { number, display_name, created });
        }
        check_distinct(&targets)?;
        let accepted = change.revision;
        for target in &targets {
            change.accept(target.number, &target.display_name, 0)?;
        }
        let committed = change.commit();
        committed.inspect_err(|_| inner.abandon_accepted(targets.iter().map(|target| target.number)))?;
        Ok((accepted, targets))
    }

    fn stage(
        &mut self,
        inner: &Inner,
        accepted: Revision,
        targets: &[Target],
        sets: Vec<IdentifierSet>,
    ) -> Result<Replacement> {
        let numbers = targets.iter().map(|target| target.number);
        let mut staged: Vec<_> = numbers.zip(sets).collect();
        let full = inner.drop_full(&mut staged);
        if full > 0 {
            *self.invalid.entry("profile_in_too_many_segments".to_owned()).or_default() += full;
            self.valid = self.valid.saturating_sub(full);
        }
        inner.stage(accepted, staged)
    }

    /// The rest of the publishing transaction: the segments, the sightings, the request. Returns the files that nothing
    /// names after it.
    fn finish_change(&self, inner: &Inner, change: &mut Change<'_>, targets: &[Target]) -> Result<Vec<String>> {
        let place = lookup::place(change.model(), &self.caller, &self.parent)?;
        let (state, revision, update_time) = (SegmentState::Processed, change.revision, change.now);
        for target in targets {
            let record = if target.created {
                new_segment(change, &place, target.number, &target.display_name, None)?
            } else {
                let record = change.model().segments.get(&u64::from(target.number.0)).cloned();
                Segment::clone(&*record.ok_or_else(|| Error::not_found("a segment was deleted meanwhile"))?)
            };
            change.write.put(Segment { state, revision, update_time, failure: None, ..record })?;
        }
        let sightings = self.sightings.iter().map(|(day, ids)| (*day, IdentifierSet::of(ids))).collect();
        let unnamed = inner.write_sightings(change, sightings)?;
        change.remember(&self.caller, METHOD, self.request.as_ref(), revision.0)?;
        Ok(unnamed)
    }

    fn mark_seen(&self, inner: &Inner) {
        for (day, ids) in &self.sightings {
            ids.iter().for_each(|&id| inner.mark_seen(IdentifierId(id), *day));
        }
    }

    /// The answer to a request that was done before.
    fn repeated(&self) -> Result<Option<Loaded>> {
        let inner = &*self.engine.inner;
        let change = inner.change()?;
        let Some(revision) = change.done_before(&self.caller, METHOD, self.request.as_ref())? else { return Ok(None) };
        let place = lookup::place(change.model(), &self.caller, &self.parent)?;
        let found = self.names.iter().filter_map(|name| lookup::segment_in(change.model(), &place, name));
        let targets: Vec<_> = found
            .map(|segment| Target {
                number: segment.number,
                display_name: segment.display_name.clone(),
                created: false,
            })
            .collect();
        drop(change);
        let unique = self.sets.iter().map(IdentifierSet::len).sum();
        Ok(Some(Loaded {
            rows: self.rows,
            valid: self.valid,
            unique,
            invalid: self.invalid.clone(),
            segments: loaded_segments(inner, &targets),
            identifiers: IdentifierSet::union(&self.sets).len(),
            new_identifiers: 0,
            written: Written { revision: Revision(revision), generation: self.engine.generation() },
        }))
    }
}

fn check_distinct(targets: &[Target]) -> Result<()> {
    let mut names: hashbrown::HashMap<SegmentNumber, &str> = hashbrown::HashMap::new();
    for target in targets {
        if let Some(other) = names.insert(target.number, &target.display_name) {
            return Err(Error::invalid(format!("{other:?} and {:?} name the same segment", target.display_name))
                .field("segments")
                .hint("name each segment once"));
        }
    }
    Ok(())
}

fn loaded_segments(inner: &Inner, targets: &[Target]) -> Vec<LoadedSegment> {
    let (generation, model) = (inner.generation.load_full(), inner.catalog.read());
    let loaded = targets.iter().filter_map(|target| {
        let name = lookup::segment_name_of(&model, target.number)?;
        let live = generation.slots.live(target.number);
        let profiles = live.map_or(0, |version| inner.memberships.profile_count(version));
        Some(LoadedSegment { name, display_name: target.display_name.clone(), profiles, created: target.created })
    });
    loaded.collect()
}
