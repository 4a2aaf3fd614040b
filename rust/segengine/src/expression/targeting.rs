//! What an adgroup stores: include groups and excludes (the tick boxes), or an expression.
//!
//! Source: semantics.md §4. A user matches the groups iff every include group has at least one of the user's segments
//! (no group: everybody) and the user has no excluded segment.

use crate::error::{Error, Result};
use crate::expression::Expression;
use crate::expression::encoding::{damaged, decode_segment};
use crate::ids::SegmentNumber;
use crate::limits;

/// Include groups and excludes; made by [`Groups::new`] only, so no group is empty and no segment is on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Groups {
    include: Vec<Vec<SegmentNumber>>,
    exclude: Vec<SegmentNumber>,
}

impl Groups {
    /// Checks and keeps the groups in the order given, duplicates inside a group or the excludes dropped.
    ///
    /// # Errors
    /// `InvalidInput` for an empty include group or a segment both included and excluded (the field names which);
    /// `LimitExceeded` for too many segments.
    pub fn new(include: Vec<Vec<SegmentNumber>>, exclude: Vec<SegmentNumber>) -> Result<Self> {
        let given: usize = include.iter().map(Vec::len).sum::<usize>() + exclude.len();
        if given > limits::EXPRESSION_LITERALS {
            return Err(Error::limit("targeting", given as u64, limits::EXPRESSION_LITERALS as u64, "segments"));
        }
        if let Some(position) = include.iter().position(Vec::is_empty) {
            return Err(Error::invalid(format!("include group {} of {} is empty", position + 1, include.len()))
                .field(format!("targeting.include[{position}]"))
                .hint("name at least one segment in it, or leave the group out"));
        }
        let groups =
            Self { include: include.into_iter().map(without_repeats).collect(), exclude: without_repeats(exclude) };
        groups.check_sides()?;
        Ok(groups)
    }

    fn check_sides(&self) -> Result<()> {
        let mut excluded = self.exclude.clone();
        excluded.sort_unstable();
        for (position, group) in self.include.iter().enumerate() {
            if let Some(segment) = group.iter().find(|segment| excluded.binary_search(segment).is_ok()) {
                return Err(Error::invalid(format!("segment {segment} is both included and excluded"))
                    .field(format!("targeting.include[{position}]"))
                    .hint("remove it from one side, or write an expression if it is meant"));
            }
        }
        Ok(())
    }

    /// The include groups: the user needs one segment of each.
    #[must_use]
    pub fn include(&self) -> &[Vec<SegmentNumber>] {
        &self.include
    }

    /// The excluded segments: the user has none of them.
    #[must_use]
    pub fn exclude(&self) -> &[SegmentNumber] {
        &self.exclude
    }

    fn evaluate(&self, holds: &mut impl FnMut(SegmentNumber) -> bool) -> bool {
        self.include.iter().all(|group| group.iter().any(|&segment| holds(segment)))
            && !self.exclude.iter().any(|&segment| holds(segment))
    }
}

/// What one adgroup asks of a user.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Targeting {
    /// The tick boxes.
    Groups(Groups),
    /// Any boolean expression.
    Expression(Expression<SegmentNumber>),
}

impl Default for Targeting {
    /// Everybody.
    fn default() -> Self {
        Self::Groups(Groups::default())
    }
}

impl From<Expression<SegmentNumber>> for Targeting {
    fn from(expression: Expression<SegmentNumber>) -> Self {
        Self::Expression(expression)
    }
}

impl Targeting {
    /// [`Groups::new`] as a targeting.
    ///
    /// # Errors
    /// Those of [`Groups::new`].
    pub fn groups(include: Vec<Vec<SegmentNumber>>, exclude: Vec<SegmentNumber>) -> Result<Self> {
        Groups::new(include, exclude).map(Self::Groups)
    }

    /// The truth for a user of whom `holds` tells the segments: the naive evaluator.
    pub fn evaluate(&self, holds: &mut impl FnMut(SegmentNumber) -> bool) -> bool {
        match self {
            Self::Groups(groups) => groups.evaluate(holds),
            Self::Expression(expression) => expression.evaluate(&mut |&segment| holds(segment)),
        }
    }

    /// The same meaning as an expression: `(a | b) & c & !(d | e)`.
    ///
    /// # Errors
    /// None in practice: the bounds of [`Groups`] are those of expressions.
    pub fn to_expression(&self) -> Result<Expression<SegmentNumber>> {
        let groups = match self {
            Self::Groups(groups) => groups,
            Self::Expression(expression) => return Ok(expression.clone()),
        };
        let any =
            |group: &Vec<SegmentNumber>| Expression::any(group.iter().copied().map(Expression::literal).collect());
        let mut factors = groups.include.iter().map(any).collect::<Result<Vec<_>>>()?;
        if !groups.exclude.is_empty() {
            factors.push(Expression::negate(any(&groups.exclude)?)?);
        }
        Expression::all(factors)
    }

    /// Calls `visit` with each segment and its polarity: false for excludes and under an odd number of NOTs.
    pub fn for_each_segment(&self, visit: &mut impl FnMut(SegmentNumber, bool)) {
        match self {
            Self::Groups(groups) => {
                groups.include.iter().flatten().for_each(|&segment| visit(segment, true));
                groups.exclude.iter().for_each(|&segment| visit(segment, false));
            }
            Self::Expression(expression) => {
                expression.for_each_literal(&mut |&segment, positive| visit(segment, positive))
            }
        }
    }

    /// The distinct segments it names, ascending.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentNumber> {
        let mut segments = Vec::new();
        self.for_each_segment(&mut |segment, _| segments.push(segment));
        segments.sort_unstable();
        segments.dedup();
        segments
    }

    /// The stored form: `G12,13|14!5,6` for groups, `E` and the postfix form for an expression.
    #[must_use]
    pub fn encode(&self) -> String {
        match self {
            Self::Groups(groups) => {
                let include: Vec<_> = groups.include.iter().map(|group| encode_list(group)).collect();
                format!("G{}!{}", include.join("|"), encode_list(&groups.exclude))
            }
            Self::Expression(expression) => format!("E{}", expression.encode()),
        }
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// `Corrupted` for anything that [`Self::encode`] does not write.
    pub fn decode(text: &str) -> Result<Self> {
        match text.split_at_checked(1) {
            Some(("E", expression)) => Expression::decode(expression).map(Self::Expression),
            Some(("G", groups)) => decode_groups(groups).map(Self::Groups),
            _ => Err(damaged(0, "neither groups nor an expression")),
        }
    }
}

fn decode_groups(text: &str) -> Result<Groups> {
    let (include, exclude) = text.split_once('!').ok_or_else(|| damaged(text.len(), "no excludes"))?;
    let include =
        if include.is_empty() { Vec::new() } else { include.split('|').map(decode_list).collect::<Result<_>>()? };
    let exclude = if exclude.is_empty() { Vec::new() } else { decode_list(exclude)? };
    let given: usize = include.iter().map(Vec::len).sum::<usize>() + exclude.len();
    let groups = Groups::new(include, exclude).map_err(|error| damaged(1, error.message()))?;
    let kept: usize = groups.include.iter().map(Vec::len).sum::<usize>() + groups.exclude.len();
    if kept == given { Ok(groups) } else { Err(damaged(1, "a segment is repeated in a group")) }
}

fn encode_list(segments: &[SegmentNumber]) -> String {
    segments.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn decode_list(text: &str) -> Result<Vec<SegmentNumber>> {
    text.split(',').map(|token| decode_segment(token).map_err(|what| damaged(1, &what))).collect()
}

/// Keeps the first of each.
fn without_repeats(segments: Vec<SegmentNumber>) -> Vec<SegmentNumber> {
    let mut seen = std::collections::HashSet::with_capacity(segments.len());
    segments.into_iter().filter(|segment| seen.insert(*segment)).collect()
}
