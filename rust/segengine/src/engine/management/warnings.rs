//! What a person should know about an adgroup though nothing failed: it may match nobody, or not whom they think.
//!
//! Warnings are made anew for each answer, from the state that serves, so they go by themselves. Those of
//! [`at_a_glance`] cost one look at each segment and are in every list; those that intersect members are only in
//! the answers about one adgroup.

use std::sync::Arc;

use crate::catalog::{Adgroup, Model, StoredTargeting};
use crate::engine::generation::{Generation, expression_of};
use crate::engine::{Engine, lookup};
use crate::error::Result;
use crate::expression::normal;
use crate::ids::SegmentNumber;
use crate::limits;
use crate::time::Timestamp;

/// Segments that one warning names.
const NAMED: usize = 10;

/// Something that a person should know though nothing failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The machine-readable name, in `snake_case`.
    pub code: &'static str,
    /// The sentence.
    pub message: String,
    /// What to do.
    pub hint: &'static str,
}

/// The warnings that need no members: dates, segments that are not ready, contradictions.
pub(super) fn at_a_glance(model: &Model, generation: &Generation, record: &Adgroup, now: Timestamp) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if record.end.is_some_and(|end| end <= now) {
        let message = "the flight has ended: it matches nobody".to_owned();
        warnings.push(Warning { code: "ended", message, hint: "set a later end time, or archive it" });
    }
    let Ok(Some(expression)) = expression_of(&record.targeting) else { return warnings };
    let (mut included, mut excluded) = (Vec::new(), Vec::new());
    for (&segment, positive) in expression.polarities() {
        if generation.slots.live(segment).is_none() {
            if positive { included.push(segment) } else { excluded.push(segment) }
        }
    }
    if let Some(names) = listed(model, included) {
        let message = format!("{names} has no members yet: as an include it is empty");
        let hint = "upload or load its members";
        warnings.push(Warning { code: "segment_not_ready", message, hint });
    }
    if let Some(names) = listed(model, excluded) {
        warnings.push(if record.serve_on_missing_exclude {
            let message = format!("{names} is excluded and has no members yet: nobody is spared");
            let hint = "upload its members, or let the adgroup wait for it";
            Warning { code: "serving_without_exclude", message, hint }
        } else {
            let message = format!("{names} is excluded and has no members yet: the adgroup matches nobody until then");
            let hint = "upload its members; or set on_missing_exclude to serve, and nobody is spared meanwhile";
            Warning { code: "waiting_for_segment", message, hint }
        });
    }
    if normal::is_contradictory(&expression) {
        let message = "no user can ever match: the targeting contradicts itself".to_owned();
        warnings.push(Warning { code: "contradictory", message, hint: "take a segment out of one of its sides" });
    }
    warnings
}

impl Engine {
    /// The includes whose members are all excluded, by members: groups of one segment against each exclude.
    pub(super) fn within_exclude(&self, model: &Model, record: &Adgroup) -> Result<Option<Warning>> {
        let StoredTargeting::Groups { include, exclude } = &record.targeting else { return Ok(None) };
        let generation = self.inner.generation.load();
        let live = |segment: &SegmentNumber| generation.slots.live(*segment).map(Arc::clone);
        let alone = include.iter().filter_map(|group| if let [only] = group.as_slice() { Some(*only) } else { None });
        let included: Vec<_> = alone.filter_map(|segment| Some((segment, live(&segment)?))).collect();
        let excluded: Vec<_> = exclude.iter().filter_map(|segment| Some((*segment, live(segment)?))).collect();
        if included.is_empty() || excluded.is_empty() {
            return Ok(None);
        }
        let versions: Vec<_> = included.iter().chain(&excluded).map(|(_, version)| Arc::clone(version)).collect();
        let pair = self.inner.memberships.with_profile_sets(
            &versions,
            |profiles| -> Result<Option<(SegmentNumber, SegmentNumber)>> {
                let (included_sets, excluded_sets) = profiles.sets.split_at(included.len());
                for ((segment, _), members) in included.iter().zip(included_sets) {
                    for ((other, _), spared) in excluded.iter().zip(excluded_sets) {
                        if !members.is_empty() && members.common(spared)? == members.len() {
                            return Ok(Some((*segment, *other)));
                        }
                    }
                }
                Ok(None)
            },
        )?;
        Ok(pair.map(|(segment, other)| {
            let (one, other) = (name(model, segment), name(model, other));
            let message = format!("all members of {one} are in {other}, which is excluded: nobody is left of them");
            let hint = "exclude another segment, or include another";
            Warning { code: "include_within_exclude", message, hint }
        }))
    }

    /// Whether fewer people match than the minimum that is worth a targeting.
    pub(super) fn too_small(&self, record: &Adgroup) -> Result<Option<Warning>> {
        let Some(expression) = expression_of(&record.targeting)? else { return Ok(None) };
        let generation = self.inner.generation.load();
        let count = self
            .inner
            .with_evaluated(&generation, &[Some(expression)], |sets| Ok(sets.first().map_or(0, |set| set.len())))?;
        let least = limits::MINIMUM_SHOWN_PROFILES;
        Ok((count < least).then(|| Warning {
            code: "below_minimum",
            message: format!("fewer than {least} people match"),
            hint: "include more segments or exclude fewer",
        }))
    }
}

fn name(model: &Model, segment: SegmentNumber) -> String {
    let known = lookup::segment_name_of(model, segment);
    known.map_or_else(|| format!("segment {segment}"), |name| name.short())
}

/// Some of the segments in one phrase; nothing when there is none.
fn listed(model: &Model, mut segments: Vec<SegmentNumber>) -> Option<String> {
    segments.sort_unstable();
    segments.dedup();
    let shown: Vec<String> = segments.iter().take(NAMED).map(|&segment| name(model, segment)).collect();
    let rest = segments.len().saturating_sub(NAMED);
    let more = if rest > 0 { format!(" (and {rest} more)") } else { String::new() };
    (!shown.is_empty()).then(|| format!("{}{more}", shown.join(", ")))
}
