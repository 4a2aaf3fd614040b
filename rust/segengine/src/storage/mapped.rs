//! Framed files that are used where they lie.
//!
//! Reading checks the frame at once and each block when it is asked for, so that several threads may share that work; no
//! byte of a block is given out unchecked. Such a file is made from what changes meanwhile (`Folder::write_stream`), so its
//! name cannot carry length and checksum, which nobody knows before its end: whoever names it keeps them beside the name.

use super::files::Folder;
use super::framed::{self, FramedBlock};
use super::unsafe_mapping::Mapping;
use crate::error::{Error, Result};

/// A framed file in memory.
pub struct MappedFile {
    name: String,
    bytes: Mapping,
    blocks: Vec<FramedBlock>,
}

impl MappedFile {
    /// Number of blocks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether there is no block.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The payload of a block, checked, with its place in the file.
    ///
    /// # Errors
    /// `Corrupted` with file and byte.
    pub fn block(&self, number: usize) -> Result<(usize, &[u8])> {
        let gone = || Error::internal("a block that is not in the file");
        let block = self.blocks.get(number).ok_or_else(gone)?;
        let bytes = self.bytes.get(block.range()).ok_or_else(gone)?;
        block.check(&self.name, bytes)?;
        Ok((block.range().start, bytes))
    }

    /// Where and why a block that is whole makes no sense.
    #[must_use]
    pub fn senseless(&self, at: usize, why: &str) -> Error {
        Error::corrupted(&self.name, at as u64, why)
    }

    /// The whole file, of which the blocks that were asked for are checked.
    #[must_use]
    pub fn into_bytes(self) -> Mapping {
        self.bytes
    }
}

impl Folder {
    /// Opens a file of `kind` where it lies.
    ///
    /// # Errors
    /// `Corrupted` with file and byte, also for a missing file and for another one than `committed` says by length and
    /// checksum; `Storage` when the disk refuses. What the blocks hold is checked as they are asked for.
    pub fn map(&self, name: &str, kind: u16, committed: (u64, u32)) -> Result<MappedFile> {
        let bytes = self.mapping(name)?;
        let (blocks, length, checksum) = framed::blocks_of(name, kind, &bytes)?;
        if (length, checksum) != committed {
            return Err(Error::corrupted(name, 0, "the file is not the one that was committed under this name"));
        }
        Ok(MappedFile { name: name.to_owned(), bytes, blocks })
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::storage::memory::MemoryDirectory;

    fn write(folder: &Folder, blocks: &[Vec<u8>]) -> Result<(u64, u32)> {
        folder.write_stream("records-1", 6, |put| blocks.iter().try_for_each(|block| put(block)))
    }

    #[test]
    fn a_stream_is_read_back_block_by_block_and_as_one_file() {
        let blocks = [vec![1; 5], vec![2; 1 << 20], vec![3; 77]];
        let folder = Folder::over(MemoryDirectory::default());
        let committed = write(&folder, &blocks).unwrap();
        assert_eq!(folder.read("records-1", 6).unwrap(), blocks.concat());
        let mapped = folder.map("records-1", 6, committed).unwrap();
        assert_eq!(mapped.len(), 3);
        for (number, block) in blocks.iter().enumerate() {
            let (at, bytes) = mapped.block(number).unwrap();
            assert!(bytes == block && mapped.bytes[at..].starts_with(block));
        }
        assert!(folder.map("records-1", 6, (committed.0, committed.1 ^ 1)).is_err());
        assert!(folder.map("records-1", 7, committed).is_err() && folder.map("records-2", 6, committed).is_err());
    }

    #[test]
    fn a_stream_that_fails_leaves_no_file() {
        for (step, poisoned) in [(0, false), (1, false), (2, true), (3, true)] {
            let directory = MemoryDirectory::default();
            directory.fail_at(step, io::ErrorKind::StorageFull);
            let folder = Folder::over(directory.clone());
            assert!(write(&folder, &[vec![1; 5]]).is_err());
            assert_eq!((folder.is_poisoned(), folder.map("records-1", 6, (5, 0)).is_err()), (poisoned, true));
        }
        let folder = Folder::over(MemoryDirectory::default());
        assert!(folder.write_stream("records-1", 6, |_| Err(Error::internal("given up"))).is_err());
        assert!(write(&folder, &[vec![1; (1 << 20) + 1]]).is_err() && write(&folder, &[vec![]]).is_err());
        assert!(!folder.is_poisoned() && write(&folder, &[vec![1]]).is_ok());
    }

    #[test]
    fn every_flipped_bit_is_found_before_a_byte_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, path) = (Folder::open(folder.path()).unwrap(), folder.path().join("records-1"));
        let committed = write(&disk, &[vec![9; 40], vec![8; 3]]).unwrap();
        let sound = std::fs::read(&path).unwrap();
        let all = |folder: &Folder| {
            let mapped = folder.map("records-1", 6, committed)?;
            (0..mapped.len()).try_for_each(|number| mapped.block(number).map(drop))
        };
        all(&disk).unwrap();
        for bit in 0..sound.len() * 8 {
            let mut damaged = sound.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, damaged).unwrap();
            assert!(all(&disk).is_err(), "bit {bit}");
        }
        for length in 0..sound.len() {
            std::fs::write(&path, &sound[..length]).unwrap();
            assert!(all(&disk).is_err(), "cut at {length}");
        }
    }
}
