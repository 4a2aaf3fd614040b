//! The stream of steps that a seed stands for: the same in the worker, which does them, and in the parent, which keeps
//! the ledger.
//!
//! A step does not depend on the state: one that finds nothing to do (an adgroup that is not there) is done all the same
//! and changes nothing, in the engine as in the ledger.

use crate::draw::Draw;
use crate::house::{LASTING, SEGMENTS, USERS};

/// Adgroups that can exist.
const ADGROUPS: u32 = 60;
/// Adgroups of one bulk upsert.
const BULK: u32 = 25;

/// Single members of a segment, added or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The segment.
    pub segment: u32,
    /// The users.
    pub users: Vec<u32>,
    /// Whether they are added.
    pub add: bool,
}

/// What an adgroup asks: every group must hold one of its segments, no excluded one may hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asks {
    /// The include groups.
    pub include: Vec<Vec<u32>>,
    /// The excluded segments.
    pub exclude: Vec<u32>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A file replaces the members of a segment.
    Upload {
        /// The segment.
        segment: u32,
        /// Its new members, all of them e-mail hashes.
        members: Vec<u32>,
        /// A change made while the file is read.
        reading: Option<Edit>,
        /// A change made while the new slot is written.
        filling: Option<Edit>,
    },
    /// Pairs replace the members of several segments, some of which may not exist before.
    Load(Vec<(u32, Vec<u32>)>),
    /// Single members.
    Edit(Edit),
    /// Links, made or withdrawn.
    Link {
        /// The pairs.
        pairs: Vec<(u32, u32)>,
        /// Whether they are made.
        add: bool,
    },
    /// Many adgroups at once.
    Upsert(Vec<(u32, Asks)>),
    /// One adgroup asks something else.
    Retarget(u32, Asks),
    /// One adgroup goes.
    Drop(u32),
    /// A segment that a load made goes.
    DropSegment(u32),
}

/// The steps of a seed, without end.
pub struct Plan(Draw);

impl Plan {
    /// The steps of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Draw::new(seed))
    }

    fn edit(&mut self, segment: u32) -> Edit {
        let count = 1 + self.0.below(12);
        Edit { segment, users: self.0.some(count, USERS), add: self.0.chance(55) }
    }

    fn edit_meanwhile(&mut self, segment: u32) -> Option<Edit> {
        let segment = if self.0.chance(75) { segment } else { self.0.below(SEGMENTS) };
        let edit = self.edit(segment);
        self.0.chance(60).then_some(edit)
    }

    fn upload(&mut self) -> Step {
        let segment = self.0.below(LASTING);
        let count = 130 + self.0.below(200);
        let members = self.0.some(count, USERS / 2).into_iter().map(|half| half * 2).collect();
        let reading = self.edit_meanwhile(segment);
        let filling = self.edit_meanwhile(segment);
        Step::Upload { segment, members, reading, filling }
    }

    fn load(&mut self) -> Step {
        let count = 1 + self.0.below(5);
        let segments = self.0.some(count, SEGMENTS);
        Step::Load(segments.into_iter().map(|segment| (segment, self.0.some(60, USERS))).collect())
    }

    /// Mostly pairs of a small part of the users, so that components grow past 50, dissolve and form again.
    fn link(&mut self) -> Step {
        let (count, end) = (1 + self.0.below(9), if self.0.chance(50) { 90 } else { USERS });
        let pairs = (0..count).map(|_| (self.0.below(end), self.0.below(end))).collect();
        Step::Link { pairs, add: self.0.chance(65) }
    }

    fn asks(&mut self) -> Asks {
        let groups = self.0.below(3);
        let include: Vec<Vec<u32>> = (0..groups).map(|_| self.0.some(2, LASTING)).collect();
        let named: Vec<u32> = include.iter().flatten().copied().collect();
        // A segment both included and excluded is refused, which is not what is shown here.
        let exclude = self.0.some(1, LASTING).into_iter().filter(|segment| !named.contains(segment)).collect();
        Asks { include, exclude }
    }
}

impl Iterator for Plan {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let kind = self.0.below(100);
        Some(match kind {
            0..35 => self.upload(),
            35..47 => self.load(),
            47..62 => {
                let segment = self.0.below(SEGMENTS);
                Step::Edit(self.edit(segment))
            }
            62..77 => self.link(),
            77..86 => {
                let first = self.0.below(ADGROUPS - BULK) + 1;
                Step::Upsert((first..first + BULK).map(|number| (number, self.asks())).collect())
            }
            86..92 => {
                let number = 1 + self.0.below(ADGROUPS);
                Step::Retarget(number, self.asks())
            }
            92..96 => Step::Drop(1 + self.0.below(ADGROUPS)),
            _ => Step::DropSegment(LASTING + self.0.below(SEGMENTS - LASTING)),
        })
    }
}
