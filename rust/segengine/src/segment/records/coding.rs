//! How one record lies in memory: its ascending slots, by Elias and Fano.
//!
//! ```text
//! record   nothing · or: u8 header · [u32 bytes of upper] · upper · lows
//! header   bit 7: a low is two bytes, not one · bits 0-6: bytes of `upper`, or 127: they are told in the next four bytes,
//!          or 0: a slot alone whose upper part is zero, so that its low is all there is to say
//! upper    bit i + (slot i >> 8 or 16) is set for the i-th slot, from the lowest bit of the first byte on
//! lows     the low byte (or two) of each slot, in their order
//! ```
//! A slot costs its low byte, one bit of `upper` that is set, and its share of the bits that are not (one for each 256
//! slots that exist): 1.31 bytes for 70 slots of 20,000, whatever their order. The narrower of the two widths is taken,
//! so that one slot far out costs four bytes and not hundreds. Decoding runs from set bit to set bit without a branch
//! that depends on a gap. Deltas in variable-length bytes were the other candidate: 1.64 bytes at the same place, and a
//! branch for each slot that is mispredicted two times in five.
//! Source: Elias, "Efficient storage and retrieval by content and address of static files" (1974); Vigna, "Quasi-succinct
//! indices" (2013).

/// The header's bit for lows of two bytes.
const WIDE: u8 = 0x80;
/// The header's length that stands for four bytes of length.
const LONG: u8 = 0x7F;

/// What `upper` is where none is stored: one slot, of which the low is all.
const ALONE: &[u8] = &[1];

/// Bytes of `upper` for `count` slots up to `last` when `low_bits` of each lie apart.
fn upper_bytes(count: usize, last: u32, low_bits: u32) -> usize {
    match (count, last >> low_bits) {
        (1, 0) => 0,
        (_, uppers) => (count + uppers as usize).div_ceil(8),
    }
}

/// Appends the record of `slots`, which ascend and are distinct.
pub(super) fn encode(slots: &[u32], out: &mut Vec<u8>) {
    let Some(&last) = slots.last() else { return };
    let count = slots.len();
    let (narrow, wide) = (upper_bytes(count, last, 8), upper_bytes(count, last, 16));
    let is_wide = count + wide < narrow;
    let (low_bits, bytes, flag) = if is_wide { (16, wide, WIDE) } else { (8, narrow, 0) };
    match u8::try_from(bytes).ok().filter(|&bytes| bytes < LONG) {
        Some(bytes) => out.push(flag | bytes),
        None => {
            out.push(flag | LONG);
            out.extend_from_slice(&u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes());
        }
    }
    encode_upper(slots, low_bits, bytes, out);
    if is_wide {
        out.extend(slots.iter().flat_map(|slot| (*slot & 0xFFFF).to_le_bytes().into_iter().take(2)));
    } else {
        out.extend(slots.iter().map(|slot| slot.to_le_bytes()[0]));
    }
}

fn encode_upper(slots: &[u32], low_bits: u32, bytes: usize, out: &mut Vec<u8>) {
    let end = out.len() + bytes;
    let (mut word, mut first) = (0_u64, 0);
    for (place, slot) in slots.iter().enumerate() {
        let bit = place + (slot >> low_bits) as usize;
        while bit >= first + 64 {
            out.extend_from_slice(&word.to_le_bytes());
            (word, first) = (0, first + 64);
        }
        word |= 1 << (bit - first);
    }
    let rest = word.to_le_bytes();
    out.extend_from_slice(rest.get(..end - out.len()).unwrap_or(&rest));
}

/// The parts of a record: whether its lows are wide, `upper`, and the lows with what may follow them.
fn parts(record: &[u8]) -> Option<(bool, &[u8], &[u8])> {
    let (&header, mut rest) = record.split_first()?;
    let mut bytes = usize::from(header & LONG);
    if header & LONG == LONG {
        let (length, after) = rest.split_first_chunk::<4>()?;
        (bytes, rest) = (u32::from_le_bytes(*length) as usize, after);
    }
    let (upper, lows) = rest.split_at_checked(bytes)?;
    Some((header & WIDE != 0, if bytes == 0 { ALONE } else { upper }, lows))
}

/// Calls `visit` with each 64 bits of `upper`, the last ones filled up with zeros.
fn for_each_word(upper: &[u8], mut visit: impl FnMut(u64)) {
    let (words, rest) = upper.as_chunks::<8>();
    words.iter().for_each(|word| visit(u64::from_le_bytes(*word)));
    if !rest.is_empty() {
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        visit(u64::from_le_bytes(last));
    }
}

/// Number of slots of a record.
pub(super) fn count(record: &[u8]) -> usize {
    let mut count = 0;
    if let Some((_, upper, _)) = parts(record) {
        for_each_word(upper, |word| count += word.count_ones() as usize);
    }
    count
}

/// Appends the slots of a record, which bytes of padding may follow.
pub(super) fn decode(record: &[u8], out: &mut Vec<u32>) {
    let Some((is_wide, upper, lows)) = parts(record) else { return };
    if is_wide {
        let lows = lows.as_chunks::<2>().0.iter().map(|low| u32::from(u16::from_le_bytes(*low)));
        decode_parts::<16>(upper, lows, out);
    } else {
        decode_parts::<8>(upper, lows.iter().map(|&low| u32::from(low)), out);
    }
}

fn decode_parts<const LOW_BITS: u32>(upper: &[u8], lows: impl ExactSizeIterator<Item = u32>, out: &mut Vec<u32>) {
    let start = out.len();
    // One growth for all, then plain stores: half the time of pushing each.
    out.resize(start + lows.len(), 0);
    let mut places = out.get_mut(start..).unwrap_or_default().iter_mut().zip(lows);
    // The position of a word's first bit, less the slots before: what a bit adds to it is the slot's upper part.
    let (mut first, mut found) = (0_u32, start);
    for_each_word(upper, |mut word| {
        found += word.count_ones() as usize;
        while word != 0 {
            if let Some((place, low)) = places.next() {
                *place = (first.wrapping_add(word.trailing_zeros()) << LOW_BITS) | low;
            }
            first = first.wrapping_sub(1);
            word &= word - 1;
        }
        first = first.wrapping_add(64);
    });
    out.truncate(found);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn decoded(record: &[u8]) -> Vec<u32> {
        let mut slots = vec![7];
        decode(record, &mut slots);
        assert_eq!((slots.remove(0), slots.len()), (7, count(record)));
        slots
    }

    fn check(slots: &BTreeSet<u32>, padding: usize) -> usize {
        let slots: Vec<u32> = slots.iter().copied().collect();
        let mut record = Vec::new();
        encode(&slots, &mut record);
        let bytes = record.len();
        record.resize(bytes + if bytes == 0 { 0 } else { padding }, 0xA5);
        assert_eq!(decoded(&record), slots);
        bytes
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(
            end in prop_oneof![Just(100u32), Just(20_000), Just(1_000_000), Just(u32::MAX)],
            numbers in prop::collection::btree_set(any::<u32>(), 0..400),
            padding in 0usize..9,
        ) {
            check(&numbers.into_iter().map(|number| number % end).collect(), padding);
        }
    }

    #[test]
    fn edges_are_decoded_and_cost_what_is_said() {
        assert_eq!(check(&BTreeSet::new(), 0), 0);
        assert_eq!(check(&BTreeSet::from([0]), 3), 2);
        assert_eq!(check(&BTreeSet::from([255]), 7), 2);
        assert_eq!(check(&BTreeSet::from([256]), 3), 3);
        assert_eq!(check(&BTreeSet::from([20_000]), 1), 3);
        assert_eq!(check(&BTreeSet::from([100_000]), 3), 4);
        check(&BTreeSet::from([0, 255, 256, 65_535, 65_536, u32::MAX]), 1);
        check(&(0..5_000).collect(), 2);
        check(&(0..5_000).map(|number| number * 60_001).collect(), 2);
        let typical = check(&(0..70).map(|number| number * 283 + number % 7).collect(), 0);
        assert!(typical <= 92, "{typical} bytes for 70 slots of 20,000");
    }
}
