//! The include/exclude form that people tick together, as an expression.

use super::tree::Expression;
use crate::error::{Error, Result};
use crate::ids::SegmentNumber;

/// Checks include groups and excludes, drops repeats, and returns them sorted inside each list.
///
/// # Errors
/// `InvalidInput` for an empty include group, a segment that is both included and excluded, or nothing at all.
pub fn check(
    include: &[Vec<SegmentNumber>],
    exclude: &[SegmentNumber],
) -> Result<(Vec<Vec<SegmentNumber>>, Vec<SegmentNumber>)> {
    let tidy = |list: &[SegmentNumber]| {
        let mut list = list.to_vec();
        list.sort_unstable();
        list.dedup();
        list
    };
    let exclude = tidy(exclude);
    let mut groups = Vec::with_capacity(include.len());
    for (place, group) in include.iter().enumerate() {
        if group.is_empty() {
            return Err(Error::invalid(format!("include group {} is empty: nobody could match", place + 1))
                .field(format!("include[{place}]"))
                .hint("leave the group out, or name at least one segment"));
        }
        if group.iter().any(|segment| exclude.binary_search(segment).is_ok()) {
            return Err(Error::invalid("the same segment is included and excluded")
                .field(format!("include[{place}]"))
                .hint("take it out of one of the two lists"));
        }
        groups.push(tidy(group));
    }
    if groups.is_empty() && exclude.is_empty() {
        return Err(Error::invalid("the user targeting names no segment")
            .field("targeting")
            .hint("include or exclude at least one segment"));
    }
    Ok((groups, exclude))
}

/// The expression of a checked include/exclude form.
///
/// # Errors
/// `LimitExceeded` past 4,096 segments; `InvalidInput` for an empty form.
pub fn to_expression(include: &[Vec<SegmentNumber>], exclude: &[SegmentNumber]) -> Result<Expression<SegmentNumber>> {
    let any = |list: &[SegmentNumber]| Expression::or(list.iter().copied().map(Expression::literal).collect());
    let mut parts = include.iter().map(|group| any(group)).collect::<Result<Vec<_>>>()?;
    if !exclude.is_empty() {
        parts.push(Expression::not(any(exclude)?)?);
    }
    Expression::and(parts)
}
