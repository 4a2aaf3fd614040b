//! A page: the records of 16 neighbouring profiles, one behind the other in one exact piece of memory.
//!
//! With its lock a page's head is 64 bytes, one line of the cache, so that a record is two dependent reads away. The
//! ends of the records are 16-bit numbers of *units*: a unit is one byte until a page outgrows 64 KiB, which takes about
//! 3,000 slots a profile; then it is doubled and records are padded. A change copies the page once (1.4 KB at 70 slots a
//! profile, some hundred nanoseconds); room kept for growth would cost more memory than it saves time. Pages whose records
//! are those of the page that was written before them share its memory until they change, as those of people do who came
//! with one file and nothing else: 16 bytes more for any other page. A page that a start found in a checkpoint lies in the
//! mapping of that file until it changes; then it gets memory of its own, and the file stays what it is (invariant 4).

use std::sync::Arc;

use super::coding;

/// Profiles of one page.
pub(super) const PAGE: usize = 16;

/// See the module.
#[derive(Clone, Default)]
pub(super) struct Page {
    bytes: Bytes,
    /// End of each record, in units.
    ends: [u16; PAGE],
    /// A unit is `1 << unit_bits` bytes.
    unit_bits: u8,
}

/// Where the bytes of a page lie.
#[derive(Clone)]
enum Bytes {
    /// In memory that pages share which are copies of one.
    Own(Arc<[u8]>),
    /// In the mapped file, from this byte on; nowhere where no record holds a slot.
    Mapped(usize),
}

const _: () = assert!(size_of::<Bytes>() == 16, "the two are told apart by a pointer that cannot be null");

impl Default for Bytes {
    fn default() -> Self {
        Self::Mapped(0)
    }
}

impl Bytes {
    /// Whether they are these, in memory.
    fn are(&self, bytes: &[u8]) -> bool {
        matches!(self, Self::Own(own) if **own == *bytes)
    }
}

/// What a file says of a page: where its records end, in units, and how many bits a unit has.
pub(super) type Head = ([u16; PAGE], u8);

/// Memory that rewriting page after page uses again.
#[derive(Default)]
pub(super) struct Workspace {
    slots: Vec<u32>,
    bytes: Vec<u8>,
    /// What was written before.
    before: Bytes,
}

impl Page {
    /// The page whose records all hold `slot` and nothing else.
    pub(super) fn of_one(slot: u32) -> Self {
        let mut page = Self::default();
        page.edit(
            &[],
            |_| true,
            &mut Workspace::default(),
            |_, slots| {
                slots.push(slot);
                true
            },
        );
        page
    }

    /// The page whose records lie in a mapped file from byte `at` on; nothing when they do not follow each other.
    pub(super) fn mapped(at: usize, (ends, unit_bits): Head) -> Option<Self> {
        (ends.is_sorted() && unit_bits < 16).then_some(Self { bytes: Bytes::Mapped(at), ends, unit_bits })
    }

    /// What a file must say of the page.
    pub(super) fn head(&self) -> Head {
        (self.ends, self.unit_bits)
    }

    /// Bytes of all records of a page with this head.
    pub(super) fn len_of((ends, unit_bits): &Head) -> usize {
        ends.last().map_or(0, |&end| usize::from(end) << unit_bits)
    }

    /// The bytes of all records.
    pub(super) fn bytes<'p>(&'p self, mapped: &'p [u8]) -> &'p [u8] {
        match &self.bytes {
            Bytes::Own(bytes) => bytes,
            Bytes::Mapped(at) => mapped.get(*at..at + Self::len_of(&self.head())).unwrap_or_default(),
        }
    }

    fn record<'p>(&'p self, mapped: &'p [u8], place: usize) -> &'p [u8] {
        let end = |place: usize| usize::from(self.ends.get(place).copied().unwrap_or_default()) << self.unit_bits;
        let (start, end) = (place.checked_sub(1).map_or(0, end), end(place));
        match &self.bytes {
            Bytes::Own(bytes) => bytes.get(start..end),
            Bytes::Mapped(at) => mapped.get(at + start..at + end),
        }
        .unwrap_or_default()
    }

    /// Appends the slots of the record at `place`; `mapped` is the file in which pages lie that never changed.
    pub(super) fn read(&self, mapped: &[u8], place: usize, out: &mut Vec<u32>) {
        coding::decode(self.record(mapped, place), out);
    }

    /// Number of slots of the record at `place`.
    pub(super) fn width(&self, mapped: &[u8], place: usize) -> usize {
        coding::count(self.record(mapped, place))
    }

    /// Whether no record holds a slot.
    pub(super) fn is_empty(&self) -> bool {
        self.ends.last() == Some(&0)
    }

    /// Rewrites the page: `change` gets each place with its slots, and says whether it changed them. They must ascend.
    pub(super) fn edit(
        &mut self,
        mapped: &[u8],
        touched: impl Fn(usize) -> bool,
        workspace: &mut Workspace,
        mut change: impl FnMut(usize, &mut Vec<u32>) -> bool,
    ) {
        let Workspace { slots, bytes, before } = workspace;
        bytes.clear();
        let mut ends = [0; PAGE];
        let mut changed = false;
        for (place, end) in ends.iter_mut().enumerate() {
            let old = self.record(mapped, place);
            let mut same = true;
            if touched(place) {
                slots.clear();
                coding::decode(old, slots);
                same = !change(place, slots);
            }
            if same {
                bytes.extend_from_slice(old);
            } else {
                coding::encode(slots, bytes);
                changed = true;
            }
            *end = bytes.len();
        }
        if changed {
            self.put(bytes, &ends, before);
        }
    }

    /// Takes over records that lie one behind the other up to `ends`.
    fn put(&mut self, bytes: &[u8], ends: &[usize; PAGE], before: &mut Bytes) {
        if ends.last().is_none_or(|&end| u16::try_from(end).is_ok()) {
            let ends = ends.map(|end| u16::try_from(end).unwrap_or(u16::MAX));
            if !before.are(bytes) {
                *before = Self::kept(bytes);
            }
            *self = Self { bytes: before.clone(), ends, unit_bits: 0 };
        } else {
            self.put_padded(bytes, ends);
        }
    }

    fn kept(bytes: &[u8]) -> Bytes {
        if bytes.is_empty() { Bytes::default() } else { Bytes::Own(Arc::from(bytes)) }
    }

    fn put_padded(&mut self, bytes: &[u8], ends: &[usize; PAGE]) {
        // Padding is at most a unit for each record.
        let unit_bits = (1..u8::MAX).find(|bits| u16::try_from((bytes.len() >> bits) + PAGE).is_ok());
        let unit_bits = unit_bits.unwrap_or_default();
        let mut padded = Vec::with_capacity(bytes.len() + (PAGE << unit_bits));
        let mut units = [0; PAGE];
        let mut start = 0;
        for (unit, &end) in units.iter_mut().zip(ends) {
            padded.extend_from_slice(bytes.get(start..end).unwrap_or_default());
            start = end;
            padded.resize(padded.len().next_multiple_of(1 << unit_bits), 0);
            *unit = u16::try_from(padded.len() >> unit_bits).unwrap_or(u16::MAX);
        }
        *self = Self { bytes: Self::kept(&padded), ends: units, unit_bits };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_grows_past_64_kib_and_shrinks_again() {
        let mut page = Page::default();
        let mut workspace = Workspace::default();
        let wanted =
            |place: usize, step: u32| -> Vec<u32> { (0..6_000).map(|slot| slot * step + place as u32).collect() };
        for step in [3, 11] {
            page.edit(
                &[],
                |place| place % 5 != 4,
                &mut workspace,
                |place, slots| {
                    *slots = wanted(place, step);
                    true
                },
            );
            assert!(page.unit_bits > 0);
            for place in 0..PAGE {
                let mut slots = Vec::new();
                page.read(&[], place, &mut slots);
                assert_eq!(slots, if place % 5 == 4 { Vec::new() } else { wanted(place, step) });
                assert_eq!(page.width(&[], place), slots.len());
            }
        }
        page.edit(
            &[],
            |_| true,
            &mut workspace,
            |place, slots| {
                slots.truncate(place);
                true
            },
        );
        assert_eq!((page.unit_bits, page.width(&[], 0), page.width(&[], 3), page.width(&[], 4)), (0, 0, 3, 0));
        page.edit(
            &[],
            |_| true,
            &mut workspace,
            |_, slots| {
                slots.clear();
                true
            },
        );
        assert!(page.is_empty());
    }

    /// A page like the one before takes its memory, until one of them changes.
    #[test]
    fn pages_that_are_alike_share_their_memory() {
        let mut workspace = Workspace::default();
        let mut page = |last: u32| {
            let mut page = Page::default();
            let fill = |_, slots: &mut Vec<u32>| {
                slots.extend([3, last]);
                true
            };
            page.edit(&[], |place| place < 9, &mut workspace, fill);
            page
        };
        let [one, other, different] = [7, 7, 8].map(&mut page);
        let address = |page: &Page| page.bytes(&[]).as_ptr();
        assert!(address(&one) == address(&other) && address(&one) != address(&different));
        let mut changed = other.clone();
        let clear = |_, slots: &mut Vec<u32>| {
            slots.clear();
            true
        };
        changed.edit(&[], |place| place == 8, &mut workspace, clear);
        assert_eq!([&one, &other, &changed].map(|page| page.width(&[], 8)), [2, 2, 0]);
    }
}
