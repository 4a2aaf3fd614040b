//! How many people: counts, overlaps and members of any expression over segments.
//!
//! An expression becomes set algebra over profiles, never over identifier ids (invariant 11). All sets of one call are
//! derived at one link epoch, which no link change can move meanwhile, so they fit each other; a complement is taken
//! against all profiles, and only where one is left at the end. Cost: at most linear in the containers of the segments
//! named; `set_algebra` says in which order they are read.

use std::sync::Arc;

use super::caller::{Action, Caller};
use super::generation::{Generation, expression_of};
use super::lookup;
use super::names::{AdgroupName, Parent, SegmentName};
use super::resolving::{Reach, Resolver};
use super::{Engine, Inner, set_algebra};
use crate::bitmap::ProfileSet;
use crate::catalog::Model;
use crate::error::{Error, Result};
use crate::expression::Expression;
use crate::ids::{EngineId, GenerationNumber, LinkEpoch, Revision, SegmentNumber};
use crate::limits;
use crate::segment::memberships::{ProfileSets, VersionMembers};
use crate::time::Timestamp;

/// A set of profiles, as a caller names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetQuery {
    /// An expression in text, whose names are looked up in `parent`.
    Expression {
        /// The campaign or advertiser; without one, names are full ones.
        parent: Option<Parent>,
        /// The text.
        text: String,
    },
    /// Include groups and excludes, whose names are looked up in `parent`.
    Groups {
        /// The campaign or advertiser; without one, names are full ones.
        parent: Option<Parent>,
        /// Every group must hold one of its segments.
        include: Vec<Vec<String>>,
        /// None of these may hold.
        exclude: Vec<String>,
    },
    /// Who matches the targeting of an adgroup, whatever its status and dates.
    Adgroup(AdgroupName),
    /// The members of a segment.
    Segment(SegmentName),
}

/// The state that an answer describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// The engine.
    pub engine_id: EngineId,
    /// The generation of the index.
    pub generation: GenerationNumber,
    /// The link epoch of the profile ids.
    pub link_epoch: LinkEpoch,
    /// The last write that is certainly included.
    pub revision: Revision,
    /// The instant at which reachability was judged.
    pub time: Timestamp,
}

/// A number of profiles, hidden from keys of an advertiser below the minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Distinct profiles; 0 when hidden.
    pub profiles: u64,
    /// Those that ads can reach; 0 when hidden.
    pub reachable: u64,
    /// Whether it is below the minimum that the caller may see.
    pub hidden: bool,
}

impl Count {
    /// The count as `caller` may see it.
    #[must_use]
    pub fn shown_to(caller: &Caller, profiles: u64, reachable: u64) -> Self {
        match caller.must_hide(profiles) {
            true => Self { profiles: 0, reachable: 0, hidden: true },
            false => Self { profiles, reachable, hidden: false },
        }
    }

    /// Reachable ÷ all; nothing for an empty or hidden set.
    #[must_use]
    pub fn reach(&self) -> Option<f64> {
        (self.profiles > 0).then(|| self.reachable as f64 / self.profiles as f64)
    }
}

/// How many profiles sets have in common, pair by pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// Number of sets.
    pub size: usize,
    /// `size × size` counts, row by row; the diagonal holds the sets' own.
    pub counts: Vec<u64>,
    /// For each count whether it is hidden (and 0).
    pub hidden: Vec<bool>,
}

impl Engine {
    /// The number of profiles in a set, and of those that can be reached.
    ///
    /// # Errors
    /// `NotFound`, `InvalidInput`, `LimitExceeded` for the query; `PermissionDenied`; `EngineClosed`.
    pub fn count(&self, caller: &Caller, query: &SetQuery) -> Result<(Count, AsOf)> {
        self.about_sets(caller, std::slice::from_ref(query), |expressions, named, reachable| {
            let expression = expressions.first().ok_or_else(|| Error::internal("a query without a set"))?;
            let (profiles, reached) = named.count(expression.as_ref(), reachable)?;
            Ok(Count::shown_to(caller, profiles, reached))
        })
    }

    /// The profiles of a set. Only for who may see all of them.
    ///
    /// # Errors
    /// As [`Self::count`].
    pub fn evaluate(&self, caller: &Caller, query: &SetQuery) -> Result<(Arc<ProfileSet>, AsOf)> {
        self.with_sets(caller, std::slice::from_ref(query), |sets, _| {
            let set = sets.first().cloned().ok_or_else(|| Error::internal("a query without a set"))?;
            if caller.must_hide(set.len()) {
                let least = limits::MINIMUM_SHOWN_PROFILES;
                return Err(Error::precondition(format!(
                    "the set has fewer than {least} profiles, too few to be shown"
                )));
            }
            Ok(set)
        })
    }

    /// How many profiles up to 8 sets have in common, pair by pair.
    ///
    /// # Errors
    /// As [`Self::count`]; `InvalidInput` without a set.
    pub fn overlap(&self, caller: &Caller, queries: &[SetQuery]) -> Result<(Overlap, AsOf)> {
        if queries.is_empty() {
            return Err(Error::invalid("no set is given").field("sets").hint("name 1 to 8 sets"));
        }
        if queries.len() > limits::OVERLAP_SEGMENTS {
            let most = limits::OVERLAP_SEGMENTS as u64;
            return Err(Error::limit("sets", queries.len() as u64, most, "sets"));
        }
        self.with_sets(caller, queries, |sets, _| {
            let mut overlap = Overlap { size: sets.len(), counts: Vec::new(), hidden: Vec::new() };
            for row in sets {
                for column in sets {
                    let common = row.common(column)?;
                    let hidden = caller.must_hide(common);
                    overlap.counts.push(if hidden { 0 } else { common });
                    overlap.hidden.push(hidden);
                }
            }
            Ok(overlap)
        })
    }

    /// Evaluates queries and looks at their sets and at those reachable.
    fn with_sets<T>(
        &self,
        caller: &Caller,
        queries: &[SetQuery],
        look: impl FnOnce(&[Arc<ProfileSet>], &ProfileSet) -> Result<T>,
    ) -> Result<(T, AsOf)> {
        self.about_sets(caller, queries, |expressions, named, reachable| look(&named.evaluate(expressions)?, reachable))
    }

    /// Resolves queries and looks at the sets of the segments that they name, and at those reachable.
    fn about_sets<T>(
        &self,
        caller: &Caller,
        queries: &[SetQuery],
        look: impl FnOnce(&[Option<Expression<SegmentNumber>>], &NamedSets<'_>, &ProfileSet) -> Result<T>,
    ) -> Result<(T, AsOf)> {
        self.inner.check_open()?;
        caller.check(Action::Read)?;
        let revision = self.revision();
        let model = self.inner.catalog.read();
        let generation = self.inner.generation.load_full();
        let expressions = queries.iter().enumerate().map(|(place, query)| {
            let found = expression_for(&model, caller, query);
            found.map_err(|error| if queries.len() > 1 { error.at(format_args!("sets[{place}]")) } else { error })
        });
        let expressions = expressions.collect::<Result<Vec<_>>>()?;
        drop(model);
        self.inner.with_named_sets(&generation, &expressions, |named, reachable, time| {
            let as_of = AsOf {
                engine_id: self.inner.engine_id,
                generation: generation.number,
                link_epoch: named.profiles.stamp.link_epoch,
                revision,
                time,
            };
            Ok((look(&expressions, named, reachable)?, as_of))
        })
    }
}

/// The sets of the segments that expressions name, at one link epoch.
struct NamedSets<'n> {
    /// Ascending, each at the place of its set.
    segments: &'n [SegmentNumber],
    profiles: &'n ProfileSets<'n>,
    empty: Arc<ProfileSet>,
}

impl NamedSets<'_> {
    /// The set of a segment; one that does not serve is empty.
    fn set_of(&self, segment: SegmentNumber) -> &Arc<ProfileSet> {
        let place = self.segments.binary_search(&segment).ok();
        place.and_then(|place| self.profiles.sets.get(place)).unwrap_or(&self.empty)
    }

    /// The set of each expression; no expression is everybody.
    fn evaluate(&self, expressions: &[Option<Expression<SegmentNumber>>]) -> Result<Vec<Arc<ProfileSet>>> {
        let (stamp, everybody) = (self.profiles.stamp, || self.profiles.universe());
        let set_of = |segment: &SegmentNumber| self.set_of(*segment);
        let sets = expressions.iter().map(|expression| match expression {
            Some(expression) => set_algebra::evaluate(expression, stamp, set_of, everybody),
            None => Ok(Arc::new(everybody())),
        });
        sets.collect()
    }

    /// The size of an expression's set, and how many of it `among` holds.
    fn count(&self, expression: Option<&Expression<SegmentNumber>>, among: &ProfileSet) -> Result<(u64, u64)> {
        let everybody = || self.profiles.universe();
        match expression {
            Some(expression) => set_algebra::count(expression, among, |segment| self.set_of(*segment), everybody),
            None => Ok((everybody().len(), everybody().common(among)?)),
        }
    }
}

impl Inner {
    /// Evaluates expressions (nothing is everybody) at one link epoch and hands the sets on.
    pub(super) fn with_evaluated<T>(
        &self,
        generation: &Generation,
        expressions: &[Option<Expression<SegmentNumber>>],
        look: impl FnOnce(&[Arc<ProfileSet>]) -> Result<T>,
    ) -> Result<T> {
        self.with_named_sets(generation, expressions, |named, _, _| look(&named.evaluate(expressions)?))
    }

    /// Looks at the sets of the segments that expressions name, and at those reachable, at one link epoch.
    fn with_named_sets<T>(
        &self,
        generation: &Generation,
        expressions: &[Option<Expression<SegmentNumber>>],
        look: impl FnOnce(&NamedSets<'_>, &ProfileSet, Timestamp) -> Result<T>,
    ) -> Result<T> {
        let named = expressions.iter().flatten().flat_map(Expression::literals);
        let mut segments: Vec<SegmentNumber> = named.copied().collect();
        segments.sort_unstable();
        segments.dedup();
        segments.retain(|segment| generation.slots.live(*segment).is_some());
        let versions: Vec<Arc<VersionMembers>> =
            segments.iter().filter_map(|segment| generation.slots.live(*segment).cloned()).collect();
        let now = self.clock.now();
        self.memberships.with_profile_sets(&versions, |profiles| {
            let empty = Arc::new(ProfileSet::new(profiles.stamp));
            let reachable = self.reachable(profiles, now);
            look(&NamedSets { segments: &segments, profiles, empty }, &reachable, now)
        })
    }
}

/// The expression of a query; nothing when it asks nothing of a user.
fn expression_for(model: &Model, caller: &Caller, query: &SetQuery) -> Result<Option<Expression<SegmentNumber>>> {
    let place_of =
        |parent: &Option<Parent>| parent.as_ref().map(|parent| lookup::place(model, caller, parent)).transpose();
    match query {
        SetQuery::Segment(name) => Ok(Some(Expression::literal(lookup::segment(model, caller, name)?.number))),
        SetQuery::Adgroup(name) => expression_of(&lookup::adgroup(model, caller, name)?.targeting),
        SetQuery::Expression { parent, text } => {
            Resolver::new(caller, place_of(parent)?, Reach::Visible).expression(model, text).map(Some)
        }
        SetQuery::Groups { parent, include, exclude } => {
            let mut resolver = Resolver::new(caller, place_of(parent)?, Reach::Visible);
            let (include, exclude) = resolver.groups(model, include, exclude)?;
            crate::expression::groups::to_expression(&include, &exclude).map(Some)
        }
    }
}
