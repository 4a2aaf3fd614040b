//! What a missing segment does to an adgroup: an include of one is empty, an exclude of one fails closed.

use crate::expression::Expression;
use crate::ids::SegmentNumber;

/// What the index knows of an adgroup.
#[derive(Debug, Clone, Copy)]
pub enum Rule<'e> {
    /// It matches nobody: paused, waiting, or of a paused campaign. It is known all the same.
    Never,
    /// It asks nothing of a user.
    Everybody,
    /// It asks this.
    When(&'e Expression<SegmentNumber>),
    /// It asks this once every segment that stands under a negation is ready; until then it matches nobody.
    WhenReady(&'e Expression<SegmentNumber>),
}

/// Tells which segments were ever ready, on any thread.
pub type Ready<'r> = &'r (dyn Fn(SegmentNumber) -> bool + Sync);

impl<'e> From<&'e Expression<SegmentNumber>> for Rule<'e> {
    fn from(expression: &'e Expression<SegmentNumber>) -> Self {
        Self::When(expression)
    }
}

/// Whether an adgroup may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Its expression is asked.
    Serves,
    /// It matches nobody: this segment is excluded but was never ready, so nobody knows whom to spare.
    WaitsFor(SegmentNumber),
}

/// Judges an expression: a segment that stands under a negation and was never ready stops the adgroup, unless it was
/// told to serve all the same.
pub fn readiness(
    expression: &Expression<SegmentNumber>,
    serve_on_missing_exclude: bool,
    ready: impl Fn(SegmentNumber) -> bool,
) -> Readiness {
    if serve_on_missing_exclude {
        return Readiness::Serves;
    }
    let mut readiness = Readiness::Serves;
    expression.visit_polarities(|segment, positive| {
        if !positive && readiness == Readiness::Serves && !ready(*segment) {
            readiness = Readiness::WaitsFor(*segment);
        }
    });
    readiness
}
