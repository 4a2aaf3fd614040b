//! Compiled programs: one adgroup judged on the bit set of a user's segments.
//!
//! What does not fit into an adgroup's slot ([`super::slots`]) lies in one arena of small words: `u16` while every segment
//! number fits. Two forms:
//!
//! * *groups* `n+1, (k, segment × k) × n, (k, segment × k)`: n clauses, shortest first, then the excludes;
//! * *jumps* `0, n, (segment, if held, if not) × n`: short-circuit code of a nested expression, as a compiler makes it
//!   for a condition (Aho, Sethi, Ullman, "Compilers", §6.6 "Control-flow translation of boolean expressions"). NOT
//!   costs nothing (it swaps the two targets), there is no stack, and jumps only go forward, so it ends after at most
//!   n tests.
//!
//! Cost: some tens of nanoseconds each when cached, a cache miss or two when not.

use super::unsafe_vector::prefetch_lines;
use crate::expression::{Expression, Node};
use crate::ids::SegmentNumber;

/// Opens a program of jumps.
const JUMPS: u32 = 0;
/// Added to the number of clauses to open a program of groups.
const GROUPS: u32 = 1;
/// Jump targets that end a program; real targets are below 4,096, the bound on literals.
const ACCEPT: u32 = 0xFFFF;
const REJECT: u32 = 0xFFFE;

/// Programs in the smallest words that hold every segment number.
#[derive(Debug)]
pub(super) enum Arena {
    Narrow(Vec<u16>),
    Wide(Vec<u32>),
}

impl Default for Arena {
    fn default() -> Self {
        Self::Narrow(Vec::new())
    }
}

impl Arena {
    /// An empty arena for segment numbers below `end`.
    pub(super) fn for_segments_below(end: usize) -> Self {
        if u16::try_from(end).is_ok() { Self::Narrow(Vec::new()) } else { Self::Wide(Vec::new()) }
    }

    /// Where the next program will begin.
    pub(super) fn end(&self) -> u32 {
        match self {
            Self::Narrow(words) => count(words.len()),
            Self::Wide(words) => count(words.len()),
        }
    }

    /// Bytes held on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Narrow(words) => words.capacity() * 2,
            Self::Wide(words) => words.capacity() * 4,
        }
    }

    /// Makes room for exactly so many more words.
    pub(super) fn reserve(&mut self, more: usize) {
        match self {
            Self::Narrow(words) => words.reserve_exact(more),
            Self::Wide(words) => words.reserve_exact(more),
        }
    }

    /// Appends the programs of an arena of no larger segment numbers.
    pub(super) fn append(&mut self, other: &Self) {
        match (self, other) {
            (Self::Narrow(words), Self::Narrow(more)) => words.extend_from_slice(more),
            (Self::Wide(words), Self::Wide(more)) => words.extend_from_slice(more),
            (Self::Wide(words), Self::Narrow(more)) => words.extend(more.iter().map(|&word| u32::from(word))),
            (Self::Narrow(_), Self::Wide(_)) => debug_assert!(false, "wide programs do not fit into narrow words"),
        }
    }

    /// Appends a word; the caller gave the largest one in advance.
    fn push(&mut self, word: u32) {
        match self {
            Self::Narrow(words) => words.push(u16::try_from(word).unwrap_or(u16::MAX)),
            Self::Wide(words) => words.push(word),
        }
    }

    /// Appends clauses (each needs one of its segments) and, as the last list, the excludes.
    pub(super) fn push_groups<'l>(&mut self, clauses: usize, lists: impl Iterator<Item = &'l [u32]>) {
        self.push(count(clauses) + GROUPS);
        for list in lists {
            self.push(count(list.len()));
            list.iter().for_each(|&segment| self.push(segment));
        }
    }

    /// Appends the short-circuit code of a nested expression.
    pub(super) fn push_expression(&mut self, expression: &Expression<SegmentNumber>) {
        let code = generate(expression);
        // It was generated from its end, so that each target was known; here it is turned around to run forward.
        let last = count(code.len()).saturating_sub(1);
        let forward = |target: u32| if target >= REJECT { target } else { last - target };
        self.push(JUMPS);
        self.push(count(code.len()));
        for test in code.into_iter().rev() {
            self.push(test.segment);
            self.push(forward(test.if_held));
            self.push(forward(test.if_not));
        }
    }

    /// Asks for the program at `offset`, which will run soon.
    #[inline]
    pub(super) fn prefetch(&self, offset: u32) {
        match self {
            Self::Narrow(words) => prefetch_lines::<2, _>(words, offset as usize),
            Self::Wide(words) => prefetch_lines::<2, _>(words, offset as usize),
        }
    }

    /// The users for whom the program at `offset` holds; `holders` has for each segment those that hold it.
    pub(super) fn run_many(&self, offset: u32, holders: &[u64]) -> u64 {
        match self {
            Self::Narrow(words) => run_many(words, offset, holders),
            Self::Wide(words) => run_many(words, offset, holders),
        }
    }

    /// The truth of the program at `offset` for a user whose segments are the bits of `held`.
    pub(super) fn run(&self, offset: u32, held: &[u64]) -> bool {
        match self {
            // A bit set for every number that the words can hold needs no bounds: see `with_held`.
            Self::Narrow(words) => match held.first_chunk() {
                Some(held) => run(words, offset, |segment| is_in(held, segment)),
                None => run(words, offset, |segment| is_held(held, segment.into())),
            },
            Self::Wide(words) => run(words, offset, |segment| is_held(held, segment)),
        }
    }
}

/// Literals of an expression are at most 4,096, words of the arena less than the 2³² that memory would have to hold.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// One test of a program of jumps.
struct Test {
    segment: u32,
    if_held: u32,
    if_not: u32,
}

/// An operator whose operands are being generated, the last one first.
struct Open<'e> {
    operator: &'e Node<SegmentNumber>,
    operands: u32,
    if_true: u32,
    if_false: u32,
    /// Entry of the operand to the right, or where the whole goes when there is none.
    next: u32,
}

/// The tests of `expression` back to front: the first test to run is the last one of the answer.
///
/// Reading the postfix nodes backwards gives each operator before its operands and these from right to left, so the
/// entry of what follows is known when it is needed, and the only stack is that of open operators, at most 64.
fn generate(expression: &Expression<SegmentNumber>) -> Vec<Test> {
    let mut code = Vec::new();
    let mut open: Vec<Open<'_>> = Vec::new();
    for operator in expression.nodes().iter().rev() {
        let (if_true, if_false) = match open.last() {
            None => (ACCEPT, REJECT),
            Some(Open { operator: Node::And(_), if_false, next, .. }) => (*next, *if_false),
            Some(Open { operator: Node::Or(_), if_true, next, .. }) => (*if_true, *next),
            Some(Open { if_true, if_false, .. }) => (*if_false, *if_true),
        };
        match operator {
            Node::Not => open.push(Open { operator, operands: 1, if_true, if_false, next: if_true }),
            Node::And(operands) => open.push(Open { operator, operands: *operands, if_true, if_false, next: if_true }),
            Node::Or(operands) => open.push(Open { operator, operands: *operands, if_true, if_false, next: if_false }),
            Node::Literal(segment) => {
                let entry = count(code.len());
                code.push(Test { segment: segment.0, if_held: if_true, if_not: if_false });
                close_operand(&mut open, entry);
            }
        }
    }
    code
}

/// Notes the entry of a finished operand, and of every operator that it finishes.
fn close_operand(open: &mut Vec<Open<'_>>, entry: u32) {
    while let Some(last) = open.last_mut() {
        last.next = entry;
        last.operands = last.operands.saturating_sub(1);
        if last.operands > 0 {
            return;
        }
        open.pop();
    }
}

/// Whether bit `segment` is set; beyond the end none is.
pub(super) fn is_held(held: &[u64], segment: u32) -> bool {
    held.get(segment as usize / 64).is_some_and(|word| word >> (segment % 64) & 1 == 1)
}

/// Words of a bit set with a bit for every `u16`.
pub(super) const NARROW_WORDS: usize = 1 << 10;

/// As [`is_held`], where the compiler sees that no bit is beyond the end.
fn is_in(held: &[u64; NARROW_WORDS], segment: u16) -> bool {
    held.get(usize::from(segment) / 64).is_some_and(|word| word >> (segment % 64) & 1 == 1)
}

/// A malformed program cannot be made by this file; were there one, it would match nobody.
fn run<W: Copy + Into<u32>>(words: &[W], offset: u32, held: impl Fn(W) -> bool) -> bool {
    let Some((&opening, rest)) = words.get(offset as usize..).and_then(<[W]>::split_first) else { return false };
    match opening.into() {
        JUMPS => run_jumps(rest, held),
        clauses => run_groups(rest, clauses - GROUPS, held).unwrap_or(false),
    }
}

fn run_groups<W: Copy + Into<u32>>(mut rest: &[W], clauses: u32, held: impl Fn(W) -> bool) -> Option<bool> {
    let any_held = |rest: &mut &[W]| {
        let (&length, tail) = rest.split_first()?;
        let (list, tail) = tail.split_at_checked(length.into() as usize)?;
        *rest = tail;
        // Without an early end: lists are short, and a branch that depends on the user costs more than a bit test.
        Some(list.iter().fold(false, |any, &segment| any | held(segment)))
    };
    for _ in 0..clauses {
        if !any_held(&mut rest)? {
            return Some(false);
        }
    }
    any_held(&mut rest).map(|excluded| !excluded)
}

/// As [`run`], for 64 users at once. A program of jumps is run for each of them, since they jump apart.
fn run_many<W: Copy + Into<u32>>(words: &[W], offset: u32, holders: &[u64]) -> u64 {
    let Some((&opening, rest)) = words.get(offset as usize..).and_then(<[W]>::split_first) else { return 0 };
    match opening.into() {
        JUMPS => (0..u64::BITS).fold(0, |holding, user| {
            let held = |segment: W| holders.get(segment.into() as usize).is_some_and(|users| users >> user & 1 == 1);
            holding | u64::from(run_jumps(rest, held)) << user
        }),
        clauses => run_groups_many(rest, clauses - GROUPS, holders).unwrap_or(0),
    }
}

fn run_groups_many<W: Copy + Into<u32>>(mut rest: &[W], clauses: u32, holders: &[u64]) -> Option<u64> {
    let any_held = |rest: &mut &[W]| {
        let (&length, tail) = rest.split_first()?;
        let (list, tail) = tail.split_at_checked(length.into() as usize)?;
        *rest = tail;
        let of = |segment: u32| holders.get(segment as usize).copied().unwrap_or_default();
        Some(list.iter().fold(0, |any, &segment| any | of(segment.into())))
    };
    let mut all = u64::MAX;
    for _ in 0..clauses {
        all &= any_held(&mut rest)?;
        if all == 0 {
            return Some(0);
        }
    }
    any_held(&mut rest).map(|excluded| all & !excluded)
}

fn run_jumps<W: Copy + Into<u32>>(words: &[W], held: impl Fn(W) -> bool) -> bool {
    let Some((&length, code)) = words.split_first() else { return false };
    let mut at = 0_u32;
    for _ in 0..length.into() {
        let first = at as usize * 3;
        let Some(&[segment, if_held, if_not]) = code.get(first..first + 3) else { return false };
        at = if held(segment) { if_held.into() } else { if_not.into() };
        match at {
            ACCEPT => return true,
            REJECT => return false,
            _ => {}
        }
    }
    false
}
