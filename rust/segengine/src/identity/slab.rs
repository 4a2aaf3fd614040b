//! Digests that were laid aside, in pieces that never move.
//!
//! A file of ten million people whom nobody knew is 160 MB of digests. A vector that grows copies them again and again, and
//! memory that the system has to find first costs more than anything that is done with it (up to 5 µs for 4 KB on a
//! virtual machine); so they lie in pieces of a size that the allocator gives whole, and takes back for whoever needs a
//! piece next.

use super::digest::Halves;

/// Digests of a full slab: they just fit into 56 KiB, the piece that chunks of columns and of heads of records take as
/// well, so that what is free again serves them; the allocator lays nine into half a mebibyte.
const SLAB: usize = (56 << 10) / size_of::<Halves>() - 4;
/// Digests that are expected from which the first slab does not have to grow.
const MANY: usize = SLAB / 4;

/// A list of digests, of a bounded length.
pub(crate) struct Slab(Vec<Halves>);

impl Slab {
    /// Its digests.
    pub(crate) fn digests(&self) -> &[Halves] {
        &self.0
    }

    /// Appends a digest where there is room.
    #[inline]
    fn push(&mut self, digest: Halves) -> bool {
        let has_room = self.0.len() < SLAB;
        if has_room {
            self.0.push(digest);
        }
        has_room
    }

    /// Puts the first of `digests` in the place of all, as many as fit; returns the others.
    fn replace<'d>(&mut self, digests: &'d [Halves]) -> &'d [Halves] {
        let (mine, others) = digests.split_at_checked(self.0.capacity().min(SLAB)).unwrap_or((digests, &[]));
        self.0.clear();
        self.0.extend_from_slice(mine);
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
        let mut slab = Slab(Vec::with_capacity(if grows { self.expected.max(64) } else { SLAB }));
        slab.push(digest);
        self.pieces.push(slab);
    }

    /// Calls `visit` with each digest, in their order.
    pub(crate) fn for_each(&self, visit: impl FnMut(Halves)) {
        self.pieces.iter().flat_map(Slab::digests).copied().for_each(visit);
    }

    /// Puts `digests`, not more than there are, in the place of all.
    pub(crate) fn replace(&mut self, digests: &[Halves]) {
        debug_assert!(digests.len() <= self.count, "there is room for what was there");
        self.count = digests.len();
        let mut rest = digests;
        self.pieces.iter_mut().for_each(|slab| rest = slab.replace(rest));
        self.pieces.retain(|slab| !slab.digests().is_empty());
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
        for (count, expected) in [(0, 0), (1, 0), (63, 5), (64, 0), (65, SLAB), (SLAB, 0), (2 * SLAB + 700, 7)] {
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
            assert_eq!(slabs.into_slabs().iter().map(|slab| slab.digests().len()).sum::<usize>(), both.len());
        }
    }
    /// What was laid aside joins as if it had come one by one, whatever came before it.
    #[test]
    fn slabs_join() {
        let table = IdentityTable::default();
        let kinds = [Kind::EmailMd5, Kind::EmailSha256];
        let mut all: Vec<(Digest, Kind)> = Vec::new();
        for counts in [[70, 0], [3 * SLAB + 5, 1_000], [SLAB - 9, 2 * SLAB], [1, 1]] {
            let laid_aside = kinds.into_iter().zip(counts).map(|(kind, count)| {
                let number = |place: usize| [kind as u64, (all.len() + place) as u64].map(u64::to_le_bytes).concat();
                let digest = |place| Digest(*blake3::hash(&number(place)).as_bytes().first_chunk().unwrap());
                let mut digests: Vec<Digest> = (0..count).map(digest).collect();
                digests.sort_by_key(|digest| digest.halves()[0]);
                // As from several heaps: slabs that are full, and slabs that are not.
                let pieces = digests.chunks(SLAB + 100).flat_map(|heap| {
                    let mut slabs = Slabs::new(heap.len());
                    heap.iter().for_each(|digest| slabs.push(digest.halves()));
                    slabs.into_slabs()
                });
                let pieces = pieces.collect();
                all.extend(digests.into_iter().map(|digest| (digest, kind)));
                (kind, pieces)
            });
            let laid_down = table.lay_down(laid_aside.collect()).unwrap();
            table.publish(table.prepare_laid_down(&laid_down));
            assert_eq!(table.len() as usize, all.len());
        }
        for (id, (digest, kind)) in (0..).map(IdentifierId).zip(&all) {
            assert_eq!((table.find(digest), table.kind(id)), (Some(id), Some(*kind)));
            assert_eq!((table.seen_day(id), table.profile(id).0), (0, id.0));
        }
    }
}
