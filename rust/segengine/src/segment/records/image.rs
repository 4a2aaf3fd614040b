//! The pages as they lie in a checkpoint: written while they change, and used where they lie.
//!
//! ```text
//! pages   u32 count · count × (u32 page · u8 bits of a unit · 16 × u16 ends, in units) · the records, page after page
//! ```
//! A page is copied under its own lock, for a fraction of a microsecond, and what it holds may be of any moment of the
//! writing; who writes it says of which moment each slot may be relied on (`segment::checkpoint`). Slots that nobody may
//! rely on are left out: 1 ns a slot to look for them, and a page is coded anew only where there are some. Reading makes
//! heads and nothing else, 64 bytes for 16 profiles.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::page::{Head, PAGE, Page, Workspace};
use super::{Locked, RecordStore};
use crate::error::Result;
use crate::storage::mapped::MappedFile;

/// Bytes of a page's head.
const HEAD: usize = 4 + 1 + 2 * PAGE;
/// Pages of one block; few in tests, so that what happens in between does.
const BLOCK_PAGES: usize = if cfg!(test) { 2 } else { 512 };
/// Bytes from which a block takes no further page: with the largest page there may be, it stays below a mebibyte.
const BLOCK_BYTES: usize = 1 << 19;

/// A block that is being made.
#[derive(Default)]
struct Image {
    pages: Vec<u8>,
    count: u32,
    bytes: Vec<u8>,
}

impl Image {
    fn take(&mut self, number: usize, page: &Page, mapped: &[u8]) {
        let (ends, unit_bits) = page.head();
        self.pages.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
        self.pages.push(unit_bits);
        ends.iter().for_each(|end| self.pages.extend_from_slice(&end.to_le_bytes()));
        self.bytes.extend_from_slice(page.bytes(mapped));
        self.count += 1;
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.pages);
        out.extend_from_slice(&self.bytes);
        *self = Self::default();
    }
}

impl RecordStore {
    /// Hands over all pages in blocks, appended to what `begin` puts before each; slots for which `keep` is false are
    /// left out. Pages may change meanwhile.
    ///
    /// # Errors
    /// What `begin` and `put` say.
    pub(in super::super) fn write_image(
        &self,
        keep: impl Fn(u32) -> bool,
        mut begin: impl FnMut(&mut Vec<u8>) -> Result<()>,
        mut put: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let (mut image, mut block, mut workspace) = (Image::default(), Vec::new(), Workspace::default());
        let (mut slots, mut pages) = (Vec::new(), self.pages().peekable());
        while pages.peek().is_some() {
            block.clear();
            begin(&mut block)?;
            for (number, Locked(page)) in pages.by_ref().take(BLOCK_PAGES) {
                let mut page = page.read().clone();
                slots.clear();
                (0..PAGE).for_each(|place| page.read(&self.mapped, place, &mut slots));
                if slots.iter().any(|&slot| !keep(slot)) {
                    let retain = |_, slots: &mut Vec<u32>| {
                        let before = slots.len();
                        slots.retain(|&slot| keep(slot));
                        slots.len() < before
                    };
                    page.edit(&self.mapped, |_| true, &mut workspace, retain);
                }
                if !page.is_empty() {
                    image.take(number, &page, &self.mapped);
                }
                if image.bytes.len() >= BLOCK_BYTES {
                    break;
                }
            }
            if image.count > 0 {
                image.finish(&mut block);
                put(&block)?;
            }
        }
        Ok(())
    }

    fn pages(&self) -> impl Iterator<Item = (usize, &Locked)> {
        let shelves = (0..).step_by(super::SHELF).zip(&self.shelves);
        let shelves = shelves.filter_map(|(first, shelf)| Some((first, shelf.get()?)));
        let chunks = shelves.flat_map(|(first, shelf)| (first..).zip(shelf.iter().map(OnceLock::get)));
        let chunks = chunks.filter_map(|(chunk, pages): (usize, _)| Some((chunk * super::CHUNK_PAGES, pages?)));
        chunks.flat_map(|(first, pages)| (first..).zip(pages.iter()))
    }

    /// The records that the blocks of `file` from `first` on hold, each after its byte `skip`; profiles lie below `end`.
    /// Every block is checked, by several threads.
    ///
    /// # Errors
    /// `Corrupted` with the byte.
    pub(in super::super) fn of_image(file: MappedFile, first: usize, skip: usize, end: u32) -> Result<Self> {
        let mut store = Self::default();
        let next = AtomicUsize::new(first);
        let install = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= file.len() {
                    return Ok(());
                }
                let (at, bytes) = file.block(number)?;
                let pages = bytes.get(skip..).unwrap_or_default();
                if store.install(pages, at + skip, end).is_none() {
                    return Err(file.senseless(at, "the pages of records do not fit the block"));
                }
            }
        };
        std::thread::scope(|scope| {
            let other = scope.spawn(install);
            let done = install();
            let panicked = |_| Err(crate::error::Error::internal("the thread that reads records panicked"));
            done.and(other.join().unwrap_or_else(panicked))
        })?;
        store.mapped = file.into_bytes();
        Ok(store)
    }

    /// Makes the heads of a block of pages, whose first byte is byte `at` of the file; nothing when they make no sense.
    fn install(&self, block: &[u8], at: usize, end: u32) -> Option<()> {
        let (count, rest) = block.split_first_chunk::<4>()?;
        let heads = (u32::from_le_bytes(*count) as usize).checked_mul(HEAD)?;
        let (heads, records) = rest.split_at_checked(heads)?;
        let mut start = at + 4 + heads.len();
        let all = start + records.len();
        for head in heads.as_chunks::<HEAD>().0 {
            let (number, head) = parse(head)?;
            let length = Page::len_of(&head);
            let page = Page::mapped(start, head)?;
            start += length;
            if start > all || length == 0 || number >= (end as usize).div_ceil(PAGE) {
                return None;
            }
            let mut place = self.page_or_create(number).write();
            if !place.is_empty() {
                return None;
            }
            *place = page;
        }
        (start == all).then_some(())
    }
}

fn parse(bytes: &[u8; HEAD]) -> Option<(usize, Head)> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    let (unit_bits, rest) = rest.split_first()?;
    let mut ends = [0; PAGE];
    for (end, bytes) in ends.iter_mut().zip(rest.as_chunks::<2>().0) {
        *end = u16::from_le_bytes(*bytes);
    }
    Some((u32::from_le_bytes(*number) as usize, (ends, *unit_bits)))
}
