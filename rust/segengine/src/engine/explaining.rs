//! Why does this user match, or not? The targeting as a tree with true or false at each node, and the deciding reasons.
//!
//! The answer is what Match gives: it comes from the same generation, copies and instant, and its tree is evaluated by
//! the naive evaluator beside the index. Should the two ever differ, that is a defect, and it is said as an error.

use std::sync::Arc;

use super::caller::{Action, Caller};
use super::flights::is_in_flight;
use super::generation::{Generation, expression_of};
use super::lookup;
use super::matching::MatchQuestion;
use super::names::{AdgroupName, SegmentName};
use super::{Candidates, Engine, MatchScratch, Matched};
use crate::catalog::{Adgroup, Model, Segment, Status, StoredTargeting};
use crate::error::{Error, ErrorKind, Result};
use crate::expression::Expression;
use crate::identity::IdentifierRef;
use crate::ids::{AdgroupId, GenerationNumber, SegmentNumber};
use crate::targeting::explain::{self, ExplainNode, Operator};
use crate::targeting::{Readiness, readiness};
use crate::time::Timestamp;

/// What is in question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An adgroup, by name.
    Adgroup(AdgroupName),
    /// An adgroup, by integer id.
    AdgroupId(AdgroupId),
    /// A segment.
    Segment(SegmentName),
}

/// A node of the tree, with the names of its segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedNode {
    /// What it is.
    pub operator: Operator,
    /// Whether it holds for this user.
    pub holds: bool,
    /// Its operands.
    pub children: Vec<NamedNode>,
    /// The segment's resource name; empty for operators.
    pub segment: String,
    /// The segment's display name; empty for operators.
    pub display_name: String,
    /// What else decided, such as `waiting_for_segment`; mostly empty.
    pub note: &'static str,
}

/// Why, or why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Whether the user matches (or is a member), exactly as Match answers.
    pub matches: bool,
    /// The reasons in sentences, the deciding one first.
    pub reasons: Vec<String>,
    /// The targeting; nothing when the adgroup asks nothing.
    pub tree: Option<NamedNode>,
    /// Bit i is set when identifier i is known.
    pub identified: u32,
    /// Identifiers and context segments that were not used.
    pub skipped: u32,
    /// The generation that answered.
    pub generation: GenerationNumber,
    /// What was explained.
    pub target: String,
    /// The adgroup's id; nothing for a segment.
    pub adgroup_id: Option<AdgroupId>,
}

/// How often a state is read again that changed while it was read.
const ATTEMPTS: usize = 100;

impl Engine {
    /// Explains the answer for one user.
    ///
    /// # Errors
    /// `NotFound` for the subject; otherwise as [`Engine::match_one`].
    pub fn explain<'i>(
        &self,
        caller: &Caller,
        identifiers: impl IntoIterator<Item = Option<IdentifierRef<'i>>>,
        subject: &Subject,
        question: &MatchQuestion<'_>,
    ) -> Result<Explanation> {
        caller.check(Action::Explain)?;
        let identifiers: Vec<_> = identifiers.into_iter().collect();
        let network = Caller::local_admin();
        for attempt in 1..=ATTEMPTS {
            let generation = self.inner.generation.load_full();
            let model = self.inner.catalog.read();
            let adgroup = match subject {
                Subject::Adgroup(name) => Some(lookup::adgroup(&model, caller, name)?),
                Subject::AdgroupId(id) => Some(lookup::adgroup_by_id(&model, caller, *id)?),
                Subject::Segment(_) => None,
            };
            let asked: Vec<u32> = adgroup.iter().map(|adgroup| adgroup.number.0).collect();
            let question = MatchQuestion { candidates: Candidates::Only(&asked), ..*question };
            let mut scratch = MatchScratch::default();
            let matched = self.match_one(&network, identifiers.iter().copied(), &question, &mut scratch)?;
            // Model, generation and answer must be of one state, or the reasons would not fit the answer.
            if matched.generation != generation.number || self.generation() != generation.number {
                continue;
            }
            let holds = !scratch.adgroups().is_empty();
            let segments = scratch.sorted_segments();
            let known = Known { model: &model, generation: &generation, segments, now: self.now() };
            let explained = match (adgroup, subject) {
                (Some(adgroup), _) => known.adgroup(&adgroup, matched, holds),
                (None, Subject::Segment(name)) => Ok(known.segment(&*lookup::segment(&model, caller, name)?, matched)),
                (None, _) => Err(Error::internal("an explanation without a subject")),
            };
            // A flight may begin or end between the two instants; then they agree at the next attempt.
            if explained.as_ref().is_err_and(|error| error.kind() == ErrorKind::Internal) && attempt < ATTEMPTS {
                continue;
            }
            return explained;
        }
        Err(Error::new(ErrorKind::Unavailable, "the adgroups change too fast to be explained").hint("repeat the call"))
    }
}

/// One state, and the segments of the user in it.
struct Known<'k> {
    model: &'k Model,
    generation: &'k Arc<Generation>,
    segments: &'k [u32],
    now: Timestamp,
}

impl Known<'_> {
    fn segment(&self, segment: &Segment, matched: Matched) -> Explanation {
        let holds = self.segments.binary_search(&segment.number.0).is_ok();
        let reason = match (holds, self.generation.slots.live(segment.number)) {
            (true, _) => format!("✔ {}: this user is a member", segment.display_name),
            (false, None) => format!("✘ {}: no list of it serves yet", segment.display_name),
            (false, Some(_)) => format!("✘ {}: this user is not a member", segment.display_name),
        };
        let leaf = ExplainNode { operator: Operator::Segment(segment.number), holds, children: Vec::new() };
        Explanation {
            matches: holds,
            reasons: vec![reason],
            tree: Some(self.named(leaf, false)),
            identified: matched.identified,
            skipped: matched.skipped,
            generation: matched.generation,
            target: lookup::segment_name(self.model, segment).to_string(),
            adgroup_id: None,
        }
    }

    fn adgroup(&self, adgroup: &Adgroup, matched: Matched, matches: bool) -> Result<Explanation> {
        let expression = expression_of(&adgroup.targeting)?;
        let tree = expression.as_ref().and_then(|expression| explain::explain(expression, self.segments));
        let mut reasons = self.not_serving(adgroup, expression.as_ref());
        let holds = tree.as_ref().is_none_or(|tree| tree.holds);
        if matches != (holds && reasons.is_empty()) {
            return Err(Error::internal(format!("the index and the evaluator differ on adgroup {}", adgroup.number)));
        }
        reasons.extend(self.deciding(adgroup, holds));
        Ok(Explanation {
            matches,
            reasons,
            tree: tree.map(|tree| self.named(tree, false)),
            identified: matched.identified,
            skipped: matched.skipped,
            generation: matched.generation,
            target: lookup::adgroup_name(self.model, adgroup).to_string(),
            adgroup_id: Some(adgroup.number),
        })
    }

    /// Why the adgroup matches nobody at all, whoever the user is.
    fn not_serving(&self, adgroup: &Adgroup, expression: Option<&Expression<SegmentNumber>>) -> Vec<String> {
        let mut reasons = Vec::new();
        let campaign = self.model.campaigns.get(&u64::from(adgroup.campaign.0));
        if let Some(campaign) = campaign.filter(|campaign| campaign.status != Status::Active) {
            reasons.push(format!("✘ the campaign {} is {}", campaign.display_name, status_name(campaign.status)));
        }
        if adgroup.status != Status::Active {
            reasons.push(format!("✘ the adgroup is {}", status_name(adgroup.status)));
        }
        if !is_in_flight(adgroup.start, None, self.now) {
            reasons.push("✘ the adgroup has not started".to_owned());
        }
        if !is_in_flight(None, adgroup.end, self.now) {
            reasons.push("✘ the adgroup has ended".to_owned());
        }
        let ready = |segment| self.generation.slots.live(segment).is_some();
        let waits = expression.map(|expression| readiness(expression, adgroup.serve_on_missing_exclude, ready));
        if let Some(Readiness::WaitsFor(segment)) = waits {
            let name = self.display_name(segment);
            reasons.push(format!(
                "✘ EXCLUDE {name}: no list of it serves yet, and nobody is shown what they may be spared"
            ));
        }
        reasons
    }

    /// What of the targeting decided.
    fn deciding(&self, adgroup: &Adgroup, holds: bool) -> Vec<String> {
        let StoredTargeting::Groups { include, exclude } = &adgroup.targeting else {
            return vec![if holds {
                "✔ the expression holds".to_owned()
            } else {
                "✘ the expression does not hold".to_owned()
            }];
        };
        let held = |segment: &SegmentNumber| self.segments.binary_search(&segment.0).is_ok();
        let mut reasons = Vec::new();
        for group in include {
            let any = group.iter().find(|segment| held(segment));
            let names: Vec<_> = group.iter().map(|segment| self.display_name(*segment)).collect();
            match any {
                Some(segment) if holds => {
                    reasons.push(format!("✔ INCLUDE {}: this user is a member", self.display_name(*segment)));
                }
                None => reasons.push(format!("✘ INCLUDE {}: this user is not a member", names.join(" or "))),
                Some(_) => {}
            }
        }
        for segment in exclude.iter().filter(|segment| held(segment)) {
            reasons.push(format!("✘ EXCLUDE {}: this user is a member", self.display_name(*segment)));
        }
        if holds && reasons.is_empty() {
            let why =
                if exclude.is_empty() { "it asks nothing of a user" } else { "this user is in no excluded segment" };
            reasons.push(format!("✔ {why}"));
        }
        reasons
    }

    fn display_name(&self, segment: SegmentNumber) -> String {
        let found = self.model.segments.get(&u64::from(segment.0));
        found.map_or_else(|| format!("segment {segment}"), |segment| segment.display_name.clone())
    }

    /// The tree with names; `negated` says whether an odd number of NOTs stands above. At most 64 levels deep.
    fn named(&self, node: ExplainNode, negated: bool) -> NamedNode {
        let ExplainNode { operator, holds, children } = node;
        let below = negated != (operator == Operator::Not);
        let (mut segment, mut display_name, mut note) = (String::new(), String::new(), "");
        if let Operator::Segment(number) = operator {
            segment = lookup::segment_name_of(self.model, number).map(|name| name.to_string()).unwrap_or_default();
            display_name = self.display_name(number);
            if self.generation.slots.live(number).is_none() {
                note = if negated { "waiting_for_segment" } else { "segment_not_ready" };
            }
        }
        let children = children.into_iter().map(|child| self.named(child, below)).collect();
        NamedNode { operator, holds, children, segment, display_name, note }
    }
}

fn status_name(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Paused => "paused",
        Status::Archived => "archived",
    }
}
