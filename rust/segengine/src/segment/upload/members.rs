//! Where the digests of a file go: a sink that the engine implements, and the batch in front of it.
//!
//! The sink alone knows which digests it saw before, so the parser's memory does not grow with the file; it is asked once,
//! at the end. A batch costs one call for 4,096 lines and is allocated once.

use hashbrown::HashSet;

/// Digests that are handed over together.
const BATCH: usize = 4_096;

/// Takes the members of one file.
pub trait MemberSink {
    /// Takes MD5 digests in the order of their lines.
    fn take_md5(&mut self, digests: &[[u8; 16]]);

    /// Takes SHA-256 digests in the order of their lines.
    fn take_sha256(&mut self, digests: &[[u8; 32]]);

    /// How many different digests were taken.
    fn distinct(&mut self) -> u64;
}

/// A sink that keeps every distinct digest in memory: about 20 bytes for each MD5, 40 for each SHA-256.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DistinctSet {
    md5: HashSet<[u8; 16]>,
    sha256: HashSet<[u8; 32]>,
}

impl DistinctSet {
    /// The distinct MD5 digests, in no order.
    pub fn md5(&self) -> impl Iterator<Item = &[u8; 16]> {
        self.md5.iter()
    }

    /// The distinct SHA-256 digests, in no order.
    pub fn sha256(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.sha256.iter()
    }

    /// How many distinct digests of both kinds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.md5.len() + self.sha256.len()
    }

    /// Whether nothing was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl MemberSink for DistinctSet {
    fn take_md5(&mut self, digests: &[[u8; 16]]) {
        self.md5.extend(digests);
    }

    fn take_sha256(&mut self, digests: &[[u8; 32]]) {
        self.sha256.extend(digests);
    }

    fn distinct(&mut self) -> u64 {
        self.len() as u64
    }
}

/// Digests on their way to the sink.
#[derive(Debug, Default)]
pub(super) struct Batch {
    md5: Vec<[u8; 16]>,
    sha256: Vec<[u8; 32]>,
}

impl Batch {
    #[inline]
    pub(super) fn push_md5(&mut self, digest: [u8; 16], sink: &mut dyn MemberSink) {
        self.md5.push(digest);
        if self.md5.len() >= BATCH {
            self.flush(sink);
        }
    }

    pub(super) fn push_sha256(&mut self, digest: [u8; 32], sink: &mut dyn MemberSink) {
        self.sha256.push(digest);
        if self.sha256.len() >= BATCH {
            self.flush(sink);
        }
    }

    /// Hands over what waits and keeps the room for more.
    pub(super) fn flush(&mut self, sink: &mut dyn MemberSink) {
        if !self.md5.is_empty() {
            sink.take_md5(&self.md5);
            self.md5.clear();
        }
        if !self.sha256.is_empty() {
            sink.take_sha256(&self.sha256);
            self.sha256.clear();
        }
    }
}
