//! The expressions of all adgroups, and the serving index made from them: as much of it as changed.
//!
//! A write says which adgroups it touched. Their records are read again, and the index is *revised*: a new small part over
//! a shared base (see [`PlaneIndex`]). An edit so costs about a millisecond at 100,000 adgroups where building all anew
//! costs tens. When more than [`PlaneIndex::RECENT`] adgroups have changed since the base was built, the sweeping thread
//! builds the next base aside, from expressions that it shares with this table, while edits go on; those made meanwhile are the
//! new base's recent ones. Only a write that touches very many waits for a whole build itself.
//!
//! What was read for a write that then failed is *pending* and read again by the next one, so the table follows the
//! catalog whatever becomes of a write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::building::Builds;
use super::generation::{NONE, Serving, SlotMap, expression_of};
use crate::catalog::{Adgroup, Campaign, Model, Status};
use crate::error::Result;
use crate::expression::Expression;
use crate::ids::{AdgroupId, CampaignNumber, SegmentNumber};
use crate::targeting::{PlaneIndex, Readiness, Rule, readiness};

/// Times [`PlaneIndex::RECENT`] that adgroups may have changed before a write builds all anew instead of waiting for the
/// base that is built aside.
const PATIENCE: usize = 8;

/// Adgroups from which a write means all.
const ALL: usize = PlaneIndex::RECENT * PATIENCE;

/// Adgroups that a write concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Touched {
    /// These.
    Some(BTreeSet<u64>),
    /// All of them.
    All,
}

impl Default for Touched {
    fn default() -> Self {
        Self::Some(BTreeSet::new())
    }
}

impl Touched {
    /// More adgroups than that need not be named: all are meant.
    pub(super) const ENOUGH: usize = ALL + 1;

    /// Whether the write concerns no adgroup.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Some(numbers) if numbers.is_empty())
    }

    /// Adds adgroups; when they are very many, all are meant, since all will be built anew.
    pub(super) fn add(&mut self, more: impl IntoIterator<Item = u64>) {
        for number in more {
            match self {
                Self::Some(numbers) if numbers.len() < ALL => {
                    numbers.insert(number);
                }
                _ => {
                    *self = Self::All;
                    return;
                }
            }
        }
    }

    fn join(&mut self, other: &Self) {
        match other {
            Self::Some(numbers) => self.add(numbers.iter().copied()),
            Self::All => *self = Self::All,
        }
    }
}

/// What an adgroup asks of a user, read from its record once and kept while the record stays the same. A build goes over
/// all of them, so what it needs lies here and not behind the record.
struct Compiled {
    record: Arc<Adgroup>,
    /// Nothing when it asks nothing.
    expression: Option<Arc<Expression<SegmentNumber>>>,
    number: AdgroupId,
    campaign: CampaignNumber,
    active: bool,
    has_dates: bool,
    serve_on_missing_exclude: bool,
}

/// Advertiser and state of campaigns by their numbers: looked up once for each adgroup of a build.
struct Campaigns(Vec<(u32, bool)>);

impl Campaigns {
    fn of(model: &Model) -> Self {
        let mut all = Vec::new();
        for campaign in model.campaigns.values() {
            let place = campaign.number.0 as usize;
            if all.len() <= place {
                all.resize(place + 1, (NONE, false));
            }
            if let Some(entry) = all.get_mut(place) {
                *entry = standing(campaign);
            }
        }
        Self(all)
    }

    fn get(&self, campaign: CampaignNumber) -> (u32, bool) {
        self.0.get(campaign.0 as usize).copied().unwrap_or((NONE, false))
    }
}

/// Whose a campaign is, and whether it serves.
fn standing(campaign: &Campaign) -> (u32, bool) {
    (campaign.advertiser.0, campaign.status == Status::Active)
}

/// As [`Campaigns::get`], of one campaign.
fn standing_in(model: &Model, campaign: CampaignNumber) -> (u32, bool) {
    model.campaigns.get(&u64::from(campaign.0)).map_or((NONE, false), |campaign| standing(campaign))
}

/// A rule that keeps its expression alive.
pub(super) enum OwnedRule {
    Never,
    Everybody,
    When(Arc<Expression<SegmentNumber>>),
    WhenReady(Arc<Expression<SegmentNumber>>),
}

impl<'a> From<&'a OwnedRule> for Rule<'a> {
    fn from(rule: &'a OwnedRule) -> Self {
        match rule {
            OwnedRule::Never => Self::Never,
            OwnedRule::Everybody => Self::Everybody,
            OwnedRule::When(expression) => Self::When(expression),
            OwnedRule::WhenReady(expression) => Self::WhenReady(expression),
        }
    }
}

/// Expressions of all adgroups by number, kept from generation to generation.
#[derive(Default)]
pub(super) struct CompiledAdgroups {
    by_number: BTreeMap<u64, Compiled>,
    /// Read for a write that is not known to have been committed.
    pending: Touched,
    /// Changed since the base of the index was built.
    recent: BTreeSet<u64>,
    /// Changed since the rules of the base that is built aside were taken.
    meanwhile: Option<BTreeSet<u64>>,
}

impl CompiledAdgroups {
    /// Reads what a write touched, and what the one before left in doubt; returns both.
    pub(super) fn refresh(&mut self, model: &Model, touched: &Touched) -> Result<Touched> {
        self.pending.join(touched);
        match &self.pending {
            Touched::Some(numbers) => {
                for number in numbers {
                    read(&mut self.by_number, *number, model.adgroups.get(number))?;
                }
            }
            Touched::All => {
                for number in self.differing(model) {
                    read(&mut self.by_number, number, model.adgroups.get(&number))?;
                }
            }
        }
        Ok(self.pending.clone())
    }

    /// Adgroups whose record is another one than was read, found by one walk along both tables.
    fn differing(&self, model: &Model) -> Vec<u64> {
        let mut differing = Vec::new();
        let mut known = self.by_number.iter().peekable();
        for (number, record) in &model.adgroups {
            while let Some((gone, _)) = known.next_if(|(known, _)| *known < number) {
                differing.push(*gone);
            }
            match known.next_if(|(known, _)| *known == number) {
                Some((_, compiled)) if Arc::ptr_eq(&compiled.record, record) => {}
                _ => differing.push(*number),
            }
        }
        differing.extend(known.map(|(gone, _)| *gone));
        differing
    }

    /// The write for which [`Self::refresh`] was called is committed.
    pub(super) fn committed(&mut self) {
        self.pending = Touched::default();
    }

    /// Adgroups whose rule hangs on whether `segment` was ever ready.
    pub(super) fn naming(&self, segment: SegmentNumber) -> impl Iterator<Item = u64> + '_ {
        let names = move |compiled: &Compiled| {
            compiled.expression.as_ref().is_some_and(|expression| expression.literals().any(|named| *named == segment))
        };
        self.by_number.iter().filter(move |(_, compiled)| names(compiled)).map(|(number, _)| *number)
    }

    /// The serving part after a write that `touched` adgroups, made from the one `before`.
    pub(super) fn serving(
        &mut self,
        (model, slots): (&Model, &SlotMap),
        before: &Serving,
        touched: &Touched,
        builds: &Builds,
    ) -> Serving {
        if let Touched::Some(numbers) = touched {
            self.recent.extend(numbers);
            if let Some(meanwhile) = &mut self.meanwhile {
                meanwhile.extend(numbers);
            }
            if self.recent.len() <= ALL {
                return self.revised(model, slots, before, numbers);
            }
        }
        // Should the write fail, what changed since the base that goes on serving is no longer known: all, then.
        self.pending = Touched::All;
        self.whole(model, slots, builds)
    }

    /// Everything anew; what is built aside is out of date then.
    pub(super) fn whole(&mut self, model: &Model, slots: &SlotMap, builds: &Builds) -> Serving {
        self.recent.clear();
        self.meanwhile = None;
        builds.time(|| {
            let campaigns = Campaigns::of(model);
            let all: Vec<&Compiled> = self.by_number.values().collect();
            let mut serving = Serving::default();
            for compiled in &all {
                note(&mut serving, campaigns.get(compiled.campaign).0, compiled);
            }
            serving.index = PlaneIndex::build_of(
                &all,
                |compiled| (compiled.number, compiled.rule(campaigns.get(compiled.campaign).1)),
                &slots.ready(),
            );
            serving
        })
    }

    fn revised(&self, model: &Model, slots: &SlotMap, before: &Serving, numbers: &BTreeSet<u64>) -> Serving {
        let mut serving = Serving {
            index: self.revision_of(&before.index, model, slots),
            flights: before.flights.clone(),
            advertisers: before.advertisers.clone(),
        };
        for number in numbers {
            match self.by_number.get(number) {
                Some(compiled) => note(&mut serving, standing_in(model, compiled.campaign).0, compiled),
                None => serving.forget(*number),
            }
        }
        serving
    }

    fn revision_of(&self, index: &PlaneIndex, model: &Model, slots: &SlotMap) -> PlaneIndex {
        let rule = |number: &u64| {
            let adgroup = AdgroupId(u32::try_from(*number).unwrap_or(u32::MAX));
            let compiled = self.by_number.get(number);
            (adgroup, compiled.map(|compiled| compiled.judged(standing_in(model, compiled.campaign).1, slots)))
        };
        index.revised(&self.recent.iter().map(rule).collect::<Vec<_>>())
    }

    /// Whether so many adgroups have changed that a new base should be built aside, and none is being built.
    pub(super) fn wants_base(&self) -> bool {
        self.recent.len() > PlaneIndex::RECENT && self.meanwhile.is_none() && self.pending.is_empty()
    }

    /// Adgroups that changed since the base was built.
    #[cfg(test)]
    pub(super) fn recent_len(&self) -> usize {
        self.recent.len()
    }

    /// The rules of a new base, which are judged by the present slots; changes from now on are remembered for it.
    pub(super) fn take_rules(&mut self, model: &Model) -> Vec<(AdgroupId, OwnedRule)> {
        self.meanwhile = Some(BTreeSet::new());
        let campaigns = Campaigns::of(model);
        let rule = |compiled: &Compiled| compiled.owned_rule(campaigns.get(compiled.campaign).1);
        self.by_number.values().map(|compiled| (compiled.number, rule(compiled))).collect()
    }

    /// Puts a base that was built from [`Self::take_rules`] under what changed meanwhile. Nothing comes of one that is out
    /// of date.
    pub(super) fn rebase(
        &mut self,
        base: &PlaneIndex,
        model: &Model,
        slots: &SlotMap,
        before: &Serving,
    ) -> Option<Serving> {
        self.recent = self.meanwhile.take().filter(|_| self.pending.is_empty())?;
        let index = self.revision_of(base, model, slots);
        Some(Serving { index, flights: before.flights.clone(), advertisers: before.advertisers.clone() })
    }
}

/// Reads one record again where it is another than the one that is compiled.
fn read(by_number: &mut BTreeMap<u64, Compiled>, number: u64, record: Option<&Arc<Adgroup>>) -> Result<()> {
    let Some(record) = record else {
        by_number.remove(&number);
        return Ok(());
    };
    if by_number.get(&number).is_none_or(|compiled| !Arc::ptr_eq(&compiled.record, record)) {
        let expression = expression_of(&record.targeting)?.map(Arc::new);
        by_number.insert(number, Compiled::of(record, expression));
    }
    Ok(())
}

/// Notes advertiser and dates of an adgroup.
fn note(serving: &mut Serving, advertiser: u32, compiled: &Compiled) {
    if advertiser == NONE {
        return;
    }
    let place = compiled.number.0 as usize;
    if serving.advertisers.len() <= place {
        serving.advertisers.resize(place + 1, NONE);
    }
    if let Some(entry) = serving.advertisers.get_mut(place) {
        *entry = advertiser;
    }
    let (start, end) = if compiled.has_dates { (compiled.record.start, compiled.record.end) } else { (None, None) };
    serving.flights.set(compiled.number, start, end);
}

impl Compiled {
    fn of(record: &Arc<Adgroup>, expression: Option<Arc<Expression<SegmentNumber>>>) -> Self {
        Self {
            record: Arc::clone(record),
            expression,
            number: record.number,
            campaign: record.campaign,
            active: record.status == Status::Active,
            has_dates: record.start.is_some() || record.end.is_some(),
            serve_on_missing_exclude: record.serve_on_missing_exclude,
        }
    }

    /// What it asks, whether or not the segments that it excludes are ready.
    fn rule(&self, campaign_active: bool) -> Rule<'_> {
        match &self.expression {
            _ if !campaign_active || !self.active => Rule::Never,
            None => Rule::Everybody,
            Some(expression) if self.serve_on_missing_exclude => Rule::When(expression),
            Some(expression) => Rule::WhenReady(expression),
        }
    }

    /// What it asks now.
    fn judged(&self, campaign_active: bool, slots: &SlotMap) -> Rule<'_> {
        let Rule::WhenReady(expression) = self.rule(campaign_active) else { return self.rule(campaign_active) };
        match readiness(expression, false, |segment| slots.live(segment).is_some()) {
            Readiness::Serves => Rule::When(expression),
            Readiness::WaitsFor(_) => Rule::Never,
        }
    }

    fn owned_rule(&self, campaign_active: bool) -> OwnedRule {
        match (self.rule(campaign_active), &self.expression) {
            (Rule::When(_), Some(expression)) => OwnedRule::When(Arc::clone(expression)),
            (Rule::WhenReady(_), Some(expression)) => OwnedRule::WhenReady(Arc::clone(expression)),
            (Rule::Everybody, _) => OwnedRule::Everybody,
            _ => OwnedRule::Never,
        }
    }
}
