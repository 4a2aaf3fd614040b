//! Digests that were laid aside, in memory that becomes columns.
//!
//! A file of ten million people whom nobody knew is 160 MB of digests, and their columns in the identity table are as
//! much again. Memory that the system has to find first costs more than anything that is done with it (up to 5 µs for
//! 4 KB on a virtual machine), so what is gathered lies in groups of the columns from the beginning: once the digests of
//! a slab are where their ids belong, the slab is the chunk for others.

use parking_lot::Mutex;

use super::columns::{CHUNK, GROUP, Group, Halves};

/// Groups of a full slab.
const GROUPS: usize = CHUNK / GROUP;
/// Digests that are expected from which the first slab does not have to grow.
const MANY: usize = CHUNK / 4;

/// A list of digests, at most as many as a chunk of the columns has.
pub(crate) struct Slab {
    groups: Vec<Group>,
    count: usize,
}

impl Slab {
    /// An empty one with room for `groups`; more come when they are needed.
    fn with_room(groups: usize) -> Self {
        Self { groups: Vec::with_capacity(groups), count: 0 }
    }

    /// Number of digests.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Appends a digest where there is room.
    #[inline]
    fn push(&mut self, digest: Halves) -> bool {
        if self.count == self.groups.len() * GROUP {
            if self.groups.len() == GROUPS {
                return false;
            }
            self.groups.push(Group::new());
        }
        if let Some(group) = self.groups.get_mut(self.count / GROUP) {
            group.put(self.count % GROUP, digest);
        }
        self.count += 1;
        true
    }

    /// The groups with digests, and how many each holds.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&Group, usize)> {
        let counts = (0..).map(|group| self.count.saturating_sub(group * GROUP).min(GROUP));
        self.groups.iter().zip(counts).take_while(|(_, count)| *count > 0)
    }

    /// Puts the first of `digests` in the place of all, as many as fit; returns the others.
    fn replace<'d>(&mut self, digests: &'d [Halves]) -> &'d [Halves] {
        let (mine, others) = digests.split_at_checked(self.groups.len() * GROUP).unwrap_or((digests, &[]));
        for (group, digests) in self.groups.iter_mut().zip(mine.chunks(GROUP)) {
            digests.iter().enumerate().for_each(|(place, digest)| group.put(place, *digest));
        }
        self.count = mine.len();
        others
    }
}

/// A list of digests of any length.
pub(crate) struct Slabs {
    pieces: Vec<Slab>,
    count: usize,
    expected: usize,
}

impl Slabs {
    /// Nothing yet; about so many will come, 0 when that is not known.
    pub(crate) fn new(expected: usize) -> Self {
        Self { pieces: Vec::new(), count: 0, expected }
    }

    /// Number of digests.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Appends a digest.
    #[inline]
    pub(crate) fn push(&mut self, digest: Halves) {
        if !self.pieces.last_mut().is_some_and(|slab| slab.push(digest)) {
            self.push_slab(digest);
        }
        self.count += 1;
    }

    #[cold]
    fn push_slab(&mut self, digest: Halves) {
        let grows = self.pieces.is_empty() && self.expected < MANY;
        let mut slab = Slab::with_room(if grows { 1 } else { GROUPS });
        slab.push(digest);
        self.pieces.push(slab);
    }

    /// Calls `visit` with each digest, in their order.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(Halves)) {
        for (group, count) in self.pieces.iter().flat_map(Slab::groups) {
            group.digests(0).take(count).for_each(&mut visit);
        }
    }

    /// Puts `digests`, not more than there are, in the place of all.
    pub(crate) fn replace(&mut self, digests: &[Halves]) {
        debug_assert!(digests.len() <= self.count, "there is room for what was there");
        self.count = digests.len();
        let mut rest = digests;
        self.pieces.iter_mut().for_each(|slab| rest = slab.replace(rest));
        self.pieces.retain(|slab| slab.count > 0);
    }

    /// Appends all of `others`, where they lie.
    pub(crate) fn append(&mut self, others: Self) {
        self.pieces.extend(others.pieces);
        self.count += others.count;
    }

    /// The pieces that it lies in.
    pub(crate) fn into_slabs(self) -> Vec<Slab> {
        self.pieces
    }
}

/// Slabs whose digests are where they belong.
#[derive(Default)]
pub(super) struct Spare(Mutex<Vec<Slab>>);

impl Spare {
    /// Gives a slab that is needed no more; one that never had the room of a chunk goes.
    pub(super) fn give(&self, slab: Slab) {
        if slab.groups.capacity() == GROUPS {
            self.0.lock().push(slab);
        }
    }

    /// The groups of a chunk, if there are any.
    pub(super) fn take(&self) -> Option<Box<[Group]>> {
        let mut groups = self.0.lock().pop()?.groups;
        groups.resize_with(GROUPS, Group::new);
        Some(groups.into_boxed_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Digest, IdentityTable, Kind};
    use crate::ids::IdentifierId;

    fn all(slabs: &Slabs) -> Vec<Halves> {
        let mut digests = Vec::new();
        slabs.for_each(|digest| digests.push(digest));
        digests
    }

    /// Slabs are a list, whether they grow, fill several or are replaced by fewer.
    #[test]
    fn slabs_are_a_list() {
        for (count, expected) in [(0, 0), (1, 0), (63, 5), (64, 0), (65, CHUNK), (CHUNK, 0), (2 * CHUNK + 700, 7)] {
            let digests: Vec<Halves> = (0..count as u64).map(|number| [number, !number]).collect();
            let mut slabs = Slabs::new(expected);
            digests.iter().for_each(|&digest| slabs.push(digest));
            assert_eq!((slabs.len(), all(&slabs)), (count, digests.clone()));
            let fewer: Vec<Halves> = digests.iter().rev().take(count - count / 3).copied().collect();
            slabs.replace(&fewer);
            assert_eq!((slabs.len(), all(&slabs)), (fewer.len(), fewer.clone()));
            slabs.push([7, 7]);
            assert_eq!(all(&slabs), [fewer.as_slice(), &[[7, 7]]].concat());
            let mut others = Slabs::new(0);
            digests.iter().for_each(|&digest| others.push(digest));
            slabs.append(others);
            let both = [fewer.as_slice(), &[[7, 7]], &digests].concat();
            assert_eq!((slabs.len(), all(&slabs)), (both.len(), both.clone()));
            slabs.replace(&both);
            assert_eq!(all(&slabs), both);
            assert_eq!(slabs.into_slabs().iter().map(Slab::len).sum::<usize>(), both.len());
        }
    }
    /// What was laid aside joins as if it had come one by one, wherever the columns before it end.
    #[test]
    fn slabs_become_columns() {
        let table = IdentityTable::default();
        let kinds = [Kind::EmailMd5, Kind::EmailSha256];
        let mut all: Vec<(Digest, Kind)> = Vec::new();
        for counts in [[70, 0], [3 * CHUNK + 5, 1_000], [CHUNK - 9, 2 * CHUNK], [1, 1]] {
            let laid_aside = kinds.into_iter().zip(counts).map(|(kind, count)| {
                let number = |place: usize| [kind as u64, (all.len() + place) as u64].map(u64::to_le_bytes).concat();
                let digest = |place| Digest(*blake3::hash(&number(place)).as_bytes().first_chunk().unwrap());
                let mut digests: Vec<Digest> = (0..count).map(digest).collect();
                digests.sort_by_key(|digest| digest.halves()[0]);
                // As from several heaps: slabs that are full, and slabs that are not.
                let pieces = digests.chunks(CHUNK + 100).flat_map(|heap| {
                    let mut slabs = Slabs::new(heap.len());
                    heap.iter().for_each(|digest| slabs.push(digest.halves()));
                    slabs.into_slabs()
                });
                let pieces = pieces.collect();
                all.extend(digests.into_iter().map(|digest| (digest, kind)));
                (kind, pieces)
            });
            let laid_down = table.lay_down(laid_aside.collect()).unwrap();
            table.publish(table.prepare_laid_down(laid_down));
            assert_eq!(table.len() as usize, all.len());
        }
        for (id, (digest, kind)) in (0..).map(IdentifierId).zip(&all) {
            assert_eq!((table.find(digest), table.digest(id), table.kind(id)), (Some(id), Some(*digest), Some(*kind)));
            assert_eq!((table.seen_day(id), table.profile(id).0), (0, id.0));
        }
    }
}
