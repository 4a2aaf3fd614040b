//! What the matcher does with instructions that safe Rust cannot reach: prefetching, and AVX-512 from planes to ids.
//!
//! Measured on W1 (`cargo bench --bench matching`, 2-core EPYC). Prefetching takes the gathering of postings from 5.5 to
//! 3.0 µs a request. From planes to ids it takes 1.5 µs by the vectors below, 8.5 by the portable twin: each combined block
//! is left as postings of its halfwords that are not zero (`vpcompressd` packs them, 0.4 µs), then the ids of each one's
//! sixteen rows are packed by its mask (`vpcompressd` again, 1.1 µs). Nothing in it branches on what the user holds, not even on
//! how many ids are few enough for half a register, which cost 0.3 µs. Packing row numbers by `vpcompressb` and looking their ids up
//! took 2.4 µs; the compiler turns such a look-up into `vpgatherqd`. Asked at run time; a processor without AVX-512 takes the twin in
//! [`super::sheet`], and a test holds both to the same answers. All the code of this project that the compiler cannot check
//! for memory safety in the matcher is in this file.
#![expect(unsafe_code, reason = "prefetch and vector stores have no safe form; the gain above is recorded")]

use super::forms::Verify;
use super::sheet::{BLOCK, Bucket, HALFWORD_BITS, Sixteen, Survivors};

/// Asks for `LINES` cache lines of `slice` from the element at `index` on; no more than a hint, and never a fault.
#[inline]
pub(super) fn prefetch_lines<const LINES: usize, T>(slice: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in 0..LINES {
        let address = slice.as_ptr().wrapping_add(index).cast::<i8>().wrapping_add(line * 64);
        // SAFETY: the instruction reads nothing that the program sees and ignores addresses that are not mapped.
        unsafe { core::arch::x86_64::_mm_prefetch(address, core::arch::x86_64::_MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, index, LINES);
}

/// Appends to `answer`, as postings of rows (see [`super::sheet`]), what of a bucket matches, and says how many adgroups
/// that are; nothing, and has done nothing, where the processor cannot.
///
/// `planes` are the bucket's, `dead` one bit a row (or too short to speak of a block).
#[inline]
pub(super) fn pack(
    (bucket, which): (&Bucket, Survivors),
    planes: &[u16],
    dead: &[u16],
    answer: &mut Vec<u32>,
) -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vpopcntdq")
        && is_x86_feature_detected!("popcnt")
        && planes.len() >= bucket.halfwords()
        && bucket.exclude_blocks <= bucket.blocks
        && (which == Survivors::All || bucket.verify == Verify::Doubted)
    {
        // SAFETY: the features were asked for and the bounds checked; a bucket that verifies the doubted has their plane.
        return Some(unsafe { pack_avx512((bucket, which), planes, dead, answer) });
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (bucket, planes, dead, answer, BLOCK);
    None
}

/// Appends the adgroups of packed rows; says `false`, and has done nothing, where the processor cannot.
#[inline]
pub(super) fn unpack(answer: &[u32], adgroups: &[Sixteen], out: &mut Vec<u32>) -> bool {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("popcnt") {
        // SAFETY: the features were asked for.
        unsafe { unpack_avx512(answer, adgroups, out) };
        return true;
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (answer, adgroups, out);
    false
}

/// Leaves in the bucket's first plane the rows that match; says `false`, and has done nothing, where the processor cannot.
#[inline]
pub(super) fn combine(bucket: &Bucket, planes: &mut [u16]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512bw")
        && planes.len() >= bucket.halfwords()
        && bucket.exclude_blocks <= bucket.blocks
    {
        // SAFETY: the features were asked for and the bounds checked.
        unsafe { combine_all_avx512(bucket, planes) };
        return true;
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (bucket, planes);
    false
}

/// # Safety
/// The processor has AVX-512 F and BW; `planes` has the bucket's halfwords, and the exclude plane is no longer than a plane.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn combine_all_avx512(bucket: &Bucket, planes: &mut [u16]) {
    for block in 0..bucket.blocks {
        // SAFETY: the caller's promise, for a block of the bucket; the store stays inside the first plane.
        unsafe {
            let matching = combine_avx512(bucket, planes, &[], block);
            core::arch::x86_64::_mm512_storeu_si512(planes.as_mut_ptr().add(block * BLOCK).cast(), matching);
        }
    }
}

/// # Safety
/// The processor has AVX-512 F, BW and VPOPCNTDQ; `planes` has the bucket's halfwords, the exclude plane is no longer
/// than a plane, and there is a doubt plane unless all survivors are asked for.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vpopcntdq,popcnt")]
unsafe fn pack_avx512(
    (bucket, which): (&Bucket, Survivors),
    planes: &[u16],
    dead: &[u16],
    answer: &mut Vec<u32>,
) -> usize {
    use core::arch::x86_64::{
        _mm512_add_epi32, _mm512_add_epi64, _mm512_and_si512, _mm512_andnot_si512, _mm512_castsi512_si256,
        _mm512_cvtepu16_epi32, _mm512_extracti64x4_epi64, _mm512_loadu_si512, _mm512_maskz_compress_epi32,
        _mm512_or_si512, _mm512_popcnt_epi64, _mm512_reduce_add_epi64, _mm512_set1_epi32, _mm512_setr_epi32,
        _mm512_setzero_si512, _mm512_slli_epi32, _mm512_storeu_si512, _mm512_test_epi16_mask,
    };

    // Each store writes sixteen postings, however few of them count: room for all and one store more.
    answer.reserve((bucket.blocks + 1) * BLOCK);
    // SAFETY: inside the capacity.
    let mut end = unsafe { answer.as_mut_ptr().add(answer.len()) };
    let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let mut bits = _mm512_setzero_si512();
    // A sheet has 2¹⁶ times sixteen rows at most.
    let mut place = i32::try_from(bucket.first_row / HALFWORD_BITS).unwrap_or_default();
    for block in 0..bucket.blocks {
        // SAFETY: the caller's promise, for a block of the bucket.
        let mut matching = unsafe { combine_avx512(bucket, planes, dead, block) };
        if which != Survivors::All {
            // SAFETY: the bucket's doubt plane has so many blocks.
            let doubted = unsafe { _mm512_loadu_si512(planes.as_ptr().add(bucket.doubts() + block * BLOCK).cast()) };
            matching = if which == Survivors::Sure {
                _mm512_andnot_si512(doubted, matching)
            } else {
                _mm512_and_si512(doubted, matching)
            };
        }
        bits = _mm512_add_epi64(bits, _mm512_popcnt_epi64(matching));
        let some = _mm512_test_epi16_mask(matching, matching);
        let halves = [_mm512_castsi512_si256(matching), _mm512_extracti64x4_epi64::<1>(matching)];
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of 32 bits")]
        for (half, some) in halves.into_iter().zip([some as u16, (some >> 16) as u16]) {
            let places = _mm512_add_epi32(_mm512_set1_epi32(place), lanes);
            let postings = _mm512_or_si512(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(half)), places);
            // SAFETY: before the n-th half block at most 16 × n postings are written; each store writes 16.
            unsafe {
                _mm512_storeu_si512(end.cast(), _mm512_maskz_compress_epi32(some, postings));
                end = end.add(some.count_ones() as usize);
            }
            place += 16;
        }
    }
    // SAFETY: up to `end` postings were written, inside what `reserve` made room for.
    unsafe {
        let length = end.offset_from_unsigned(answer.as_ptr());
        answer.set_len(length);
    }
    usize::try_from(_mm512_reduce_add_epi64(bits)).unwrap_or_default()
}

/// # Safety
/// The processor has AVX-512 F.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,popcnt")]
unsafe fn unpack_avx512(answer: &[u32], adgroups: &[Sixteen], out: &mut Vec<u32>) {
    use core::arch::x86_64::{_mm512_load_si512, _mm512_maskz_compress_epi32, _mm512_storeu_si512};

    // Kept out of the vector, whose length would be written and read again for each posting.
    let mut length = out.len();
    for &posting in answer {
        let Some(Sixteen(ids)) = adgroups.get((posting & 0xFFFF) as usize) else { continue };
        let mask = (posting >> 16) as u16;
        if out.capacity() - length < HALFWORD_BITS {
            // SAFETY: so many were written.
            unsafe { out.set_len(length) };
            out.reserve(HALFWORD_BITS);
        }
        // SAFETY: 64 bytes are read from `ids`; a store writes at most as many into room that is there.
        unsafe {
            let ids = _mm512_maskz_compress_epi32(mask, _mm512_load_si512(ids.as_ptr().cast()));
            let end = out.as_mut_ptr().add(length);
            _mm512_storeu_si512(end.cast(), ids);
        }
        length += mask.count_ones() as usize;
    }
    // SAFETY: so many were written.
    unsafe { out.set_len(length) };
}

/// One block of a bucket: the rows all of whose planes are set, whose exclude bit is not, and that are not dead.
///
/// # Safety
/// As for [`combine_all_avx512`]; `block` is one of the bucket's.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn combine_avx512(bucket: &Bucket, planes: &[u16], dead: &[u16], block: usize) -> core::arch::x86_64::__m512i {
    use core::arch::x86_64::{_mm512_and_si512, _mm512_andnot_si512, _mm512_loadu_si512};

    let load = |halfword: usize| {
        // SAFETY: each call below passes the start of a block inside the bucket's halfwords.
        unsafe { _mm512_loadu_si512(planes.as_ptr().add(halfword).cast()) }
    };
    let mut matching = load(block * BLOCK);
    for plane in 1..bucket.planes {
        matching = _mm512_and_si512(matching, load((plane * bucket.blocks + block) * BLOCK));
    }
    if block < bucket.exclude_blocks {
        let excluded = load(bucket.excludes() + block * BLOCK);
        matching = _mm512_andnot_si512(excluded, matching);
    }
    if let Some(dead) = dead.get(block * BLOCK..(block + 1) * BLOCK) {
        // SAFETY: 64 bytes.
        matching = _mm512_andnot_si512(unsafe { _mm512_loadu_si512(dead.as_ptr().cast()) }, matching);
    }
    matching
}
