//! A page: the records of 16 neighbouring profiles, one behind the other in one exact piece of memory.
//!
//! With its lock a page's head is 64 bytes, one line of the cache, so that a record is two dependent reads away. The
//! ends of the records are 16-bit numbers of *units*: a unit is one byte until a page outgrows 64 KiB, which takes about
//! 3,000 slots a profile; then it is doubled and records are padded. A change copies the page once (1.4 KB at 70 slots a
//! profile, some hundred nanoseconds); room kept for growth would cost more memory than it saves time. Pages that one file
//! fills alike share their memory until they change: 16 bytes more for any other page.

use std::sync::Arc;

use super::coding;

/// Profiles of one page.
pub(super) const PAGE: usize = 16;

/// See the module.
#[derive(Clone, Default)]
pub(super) struct Page {
    /// Nothing where no record holds a slot; shared by pages that are copies of one.
    bytes: Option<Arc<[u8]>>,
    /// End of each record, in units.
    ends: [u16; PAGE],
    /// A unit is `1 << unit_bits` bytes.
    unit_bits: u8,
}

/// Memory that rewriting page after page uses again.
#[derive(Default)]
pub(super) struct Workspace {
    slots: Vec<u32>,
    bytes: Vec<u8>,
}

impl Page {
    /// The page whose records all hold `slot` and nothing else.
    pub(super) fn of_one(slot: u32) -> Self {
        let mut page = Self::default();
        page.edit(
            |_| true,
            &mut Workspace::default(),
            |_, slots| {
                slots.push(slot);
                true
            },
        );
        page
    }

    fn record(&self, place: usize) -> &[u8] {
        let end = |place: usize| usize::from(self.ends.get(place).copied().unwrap_or_default()) << self.unit_bits;
        let start = place.checked_sub(1).map_or(0, end);
        self.bytes.as_ref().and_then(|bytes| bytes.get(start..end(place))).unwrap_or_default()
    }

    /// Appends the slots of the record at `place`.
    pub(super) fn read(&self, place: usize, out: &mut Vec<u32>) {
        coding::decode(self.record(place), out);
    }

    /// Number of slots of the record at `place`.
    pub(super) fn width(&self, place: usize) -> usize {
        coding::count(self.record(place))
    }

    /// Whether no record holds a slot.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_none()
    }

    /// Rewrites the page: `change` gets each place with its slots, and says whether it changed them. They must ascend.
    pub(super) fn edit(
        &mut self,
        touched: impl Fn(usize) -> bool,
        workspace: &mut Workspace,
        mut change: impl FnMut(usize, &mut Vec<u32>) -> bool,
    ) {
        let Workspace { slots, bytes } = workspace;
        bytes.clear();
        let mut ends = [0; PAGE];
        let mut changed = false;
        for (place, end) in ends.iter_mut().enumerate() {
            let old = self.record(place);
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
            self.put(bytes, &ends);
        }
    }

    /// Takes over records that lie one behind the other up to `ends`.
    fn put(&mut self, bytes: &[u8], ends: &[usize; PAGE]) {
        if ends.last().is_none_or(|&end| u16::try_from(end).is_ok()) {
            let ends = ends.map(|end| u16::try_from(end).unwrap_or(u16::MAX));
            *self = Self { bytes: Self::kept(bytes), ends, unit_bits: 0 };
        } else {
            self.put_padded(bytes, ends);
        }
    }

    fn kept(bytes: &[u8]) -> Option<Arc<[u8]>> {
        if bytes.is_empty() { None } else { Some(Arc::from(bytes)) }
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
                page.read(place, &mut slots);
                assert_eq!(slots, if place % 5 == 4 { Vec::new() } else { wanted(place, step) });
                assert_eq!(page.width(place), slots.len());
            }
        }
        page.edit(
            |_| true,
            &mut workspace,
            |place, slots| {
                slots.truncate(place);
                true
            },
        );
        assert_eq!((page.unit_bits, page.width(0), page.width(3), page.width(4)), (0, 0, 3, 0));
        page.edit(
            |_| true,
            &mut workspace,
            |_, slots| {
                slots.clear();
                true
            },
        );
        assert!(page.is_empty());
    }
}
