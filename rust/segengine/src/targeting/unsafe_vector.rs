//! What the matcher does with instructions that safe Rust cannot reach: prefetching, and AVX-512 from planes to ids.
//!
//! Measured on W1 (`cargo bench --bench matching`, 2-core EPYC): prefetching takes the gathering of postings from 5.5 to
//! 3.0 µs a request, the emission below the combining and emitting from 8.5 to 2.4 µs. Nothing in it branches on what the
//! user holds: of each combined block the words that are not zero are packed side by side (a third of them, at W1; packing
//! them took the emission from 2.9 to 2.4 µs), then `vpcompressb` writes the numbers of each word's set bits, and a last
//! pass looks the ids up. Asked
//! at run time; a processor without VBMI2 takes the portable twin in [`super::sheet`], and a test holds both to the same
//! answers. All the code of this project that the compiler cannot check for memory safety in the matcher is in this file.
#![expect(unsafe_code, reason = "prefetch and vector stores have no safe form; the gain above is recorded")]

#[cfg(target_arch = "x86_64")]
use core::mem::MaybeUninit;

use super::sheet::{BLOCK, BLOCK_BITS, Bucket};

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

/// Appends the adgroups of a bucket whose rows match; says `false`, and has done nothing, where the processor cannot.
///
/// `planes` are the bucket's, `dead` one bit a row (or too short to speak of a block), `adgroups` one id for each row.
#[inline]
pub(super) fn emit(bucket: &Bucket, planes: &[u16], dead: &[u16], adgroups: &[u32], out: &mut Vec<u32>) -> bool {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512vbmi2") && is_x86_feature_detected!("avx512bw") {
        // These bounds are what the loads below rely on.
        let fits = planes.len() >= bucket.halfwords()
            && bucket.exclude_blocks <= bucket.blocks
            && adgroups.len() >= bucket.blocks * BLOCK_BITS;
        if fits {
            // SAFETY: the features were asked for and the bounds checked.
            unsafe { emit_avx512(bucket, planes, dead, adgroups, out) };
            return true;
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (bucket, planes, dead, adgroups, out, BLOCK, BLOCK_BITS);
    false
}

/// Leaves in the bucket's first plane the rows that match; says `false`, and has done nothing, where the processor cannot.
#[inline]
pub(super) fn combine(bucket: &Bucket, planes: &mut [u16]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512vbmi2")
        && is_x86_feature_detected!("avx512bw")
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
/// As for [`emit_avx512`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
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
/// The processor has AVX-512 F, BW and VBMI2; `planes` has the bucket's halfwords, `adgroups` an id for each of its rows,
/// and the exclude plane is no longer than a plane.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
unsafe fn emit_avx512(bucket: &Bucket, planes: &[u16], dead: &[u16], adgroups: &[u32], out: &mut Vec<u32>) {
    use core::arch::x86_64::{
        __m128i, _mm512_add_epi32, _mm512_add_epi64, _mm512_broadcastd_epi32, _mm512_castsi512_si128,
        _mm512_cvtepu8_epi32, _mm512_extracti32x4_epi32, _mm512_loadu_si512, _mm512_maskz_compress_epi8,
        _mm512_maskz_compress_epi64, _mm512_set1_epi64, _mm512_setr_epi64, _mm512_storeu_si512, _mm512_test_epi64_mask,
    };

    /// Blocks whose words are packed before they are turned into rows: 8 KB of working memory.
    const PACKED: usize = 64;
    /// The bytes 0 to 63.
    const NUMBERS: [u64; 8] = [
        0x0706_0504_0302_0100,
        0x0F0E_0D0C_0B0A_0908,
        0x1716_1514_1312_1110,
        0x1F1E_1D1C_1B1A_1918,
        0x2726_2524_2322_2120,
        0x2F2E_2D2C_2B2A_2928,
        0x3736_3534_3332_3130,
        0x3F3E_3D3C_3B3A_3938,
    ];
    // Each store writes sixteen numbers, however few of them count: room for all rows and one store more.
    out.reserve(bucket.blocks * BLOCK_BITS + 64);
    let start = out.len();
    // SAFETY: `reserve` made this room.
    let rows = unsafe { out.as_mut_ptr().add(start) };
    let mut count = 0_usize;
    // SAFETY: 64 bytes.
    let every = unsafe { _mm512_loadu_si512(NUMBERS.as_ptr().cast()) };
    let lanes = _mm512_setr_epi64(0, 64, 128, 192, 256, 320, 384, 448);
    // The words of some blocks that are not zero, and the row of each one's first bit.
    let mut words = [const { MaybeUninit::<u64>::uninit() }; PACKED * 8];
    let mut firsts = [const { MaybeUninit::<i64>::uninit() }; PACKED * 8];
    let (packed_words, packed_firsts) = (words.as_mut_ptr().cast::<u64>(), firsts.as_mut_ptr().cast::<i64>());
    let mut row = 0_i64;
    for start_block in (0..bucket.blocks).step_by(PACKED) {
        let mut packed = 0_usize;
        for block in start_block..bucket.blocks.min(start_block + PACKED) {
            // SAFETY: the caller's promise, for a block of the bucket.
            let matching = unsafe { combine_avx512(bucket, planes, dead, block) };
            let some = _mm512_test_epi64_mask(matching, matching);
            let rows_of = _mm512_add_epi64(_mm512_set1_epi64(row), lanes);
            // SAFETY: before the n-th block of at most `PACKED`, at most 8 × n words are packed; each store writes 8.
            unsafe {
                _mm512_storeu_si512(packed_words.add(packed).cast(), _mm512_maskz_compress_epi64(some, matching));
                _mm512_storeu_si512(packed_firsts.add(packed).cast(), _mm512_maskz_compress_epi64(some, rows_of));
            }
            packed += some.count_ones() as usize;
            row += 512;
        }
        for place in 0..packed {
            // SAFETY: both were written up to `packed`.
            let (word, first) = unsafe { (*packed_words.add(place), *packed_firsts.add(place)) };
            let set = word.count_ones() as usize;
            let numbers = _mm512_maskz_compress_epi8(word, every);
            // A sheet has 2²⁰ rows at most: the lower half is all of it.
            let first = _mm512_castsi512_si128(_mm512_set1_epi64(first));
            let first = _mm512_broadcastd_epi32(first);
            // SAFETY (of the four stores): `count` numbers were written and `set` are to come, at most one for each row
            // so far; a store reaches at most 64 numbers beyond them, which `reserve` made room for.
            let store = |at: usize, numbers: __m128i| unsafe {
                _mm512_storeu_si512(rows.add(at).cast(), _mm512_add_epi32(first, _mm512_cvtepu8_epi32(numbers)));
            };
            store(count, _mm512_castsi512_si128(numbers));
            if set > 16 {
                store(count + 16, _mm512_extracti32x4_epi32::<1>(numbers));
                store(count + 32, _mm512_extracti32x4_epi32::<2>(numbers));
                store(count + 48, _mm512_extracti32x4_epi32::<3>(numbers));
            }
            count += set;
        }
    }
    for place in 0..count {
        // SAFETY: `count` row numbers were written from `rows` on, each below the rows of the bucket, which `adgroups` has.
        unsafe {
            let row = rows.add(place);
            *row = *adgroups.get_unchecked(*row as usize);
        }
    }
    // SAFETY: `count` ids were written into room that `reserve` made.
    unsafe { out.set_len(start + count) };
}

/// One block of a bucket: the rows all of whose planes are set, whose exclude bit is not, and that are not dead.
///
/// # Safety
/// As for [`emit_avx512`]; `block` is one of the bucket's.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
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
        let excluded = load((bucket.planes.max(1) * bucket.blocks + block) * BLOCK);
        matching = _mm512_andnot_si512(excluded, matching);
    }
    if let Some(dead) = dead.get(block * BLOCK..(block + 1) * BLOCK) {
        // SAFETY: 64 bytes.
        matching = _mm512_andnot_si512(unsafe { _mm512_loadu_si512(dead.as_ptr().cast()) }, matching);
    }
    matching
}
