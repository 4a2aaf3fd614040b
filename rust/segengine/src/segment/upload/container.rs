//! From the bytes as sent to the bytes of the file: gzip, zstd, zip or none of them, told by the first four bytes.
//!
//! A name says nothing here, for names lie. Unpacking runs in pieces so small that a bomb is refused before it has
//! filled memory: the caller feeds at most [`Container::piece_bytes`] and counts what comes out.

use std::io::Write as _;
use std::path::PathBuf;

use flate2::write::MultiGzDecoder;
use zstd::stream::raw::{DParameter, Decoder, Operation as _};

use super::encoding::Output;
use super::failure::{FailureReason, UploadFailure};
use super::report::Compression;
use super::zip_member::Spool;

/// A kibibyte of gzip unpacks to at most 1,032 of them.
const PACKED_PIECE_BYTES: usize = 1 << 10;
const PLAIN_PIECE_BYTES: usize = 1 << 16;
const ZSTD_OUTPUT_BYTES: usize = 1 << 17;
/// The window that a zstd frame may ask for: 32 MiB, which `zstd -19` stays below.
const ZSTD_WINDOW_LOG: u32 = 25;

/// How the bytes are packed, and the state of unpacking them.
pub(super) enum Container {
    /// Too few bytes to tell.
    Sniffing(Vec<u8>, Option<PathBuf>),
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zstd(Frames),
    Zip(Spool),
}

impl Container {
    pub(super) fn new(spool_dir: Option<PathBuf>) -> Self {
        Self::Sniffing(Vec::new(), spool_dir)
    }

    pub(super) fn compression(&self) -> Compression {
        match self {
            Self::Sniffing(..) | Self::Plain => Compression::None,
            Self::Gzip(_) => Compression::Gzip,
            Self::Zstd(_) => Compression::Zstd,
            Self::Zip(_) => Compression::Zip,
        }
    }

    /// The most that may be fed at once.
    pub(super) fn piece_bytes(&self) -> usize {
        match self {
            Self::Sniffing(..) | Self::Gzip(_) | Self::Zstd(_) => PACKED_PIECE_BYTES,
            Self::Plain | Self::Zip(_) => PLAIN_PIECE_BYTES,
        }
    }

    /// Takes a piece and passes on what it unpacks to.
    pub(super) fn feed(&mut self, bytes: &[u8], output: &mut Output<'_>) -> Result<(), UploadFailure> {
        match self {
            Self::Sniffing(head, _) => {
                head.extend_from_slice(bytes);
                if head.len() < 4 { Ok(()) } else { self.begin(output) }
            }
            Self::Plain => output(bytes),
            Self::Gzip(decoder) => feed_gzip(decoder, bytes, output),
            Self::Zstd(frames) => frames.feed(bytes, output),
            Self::Zip(spool) => spool.write(bytes),
        }
    }

    /// Takes the end of the file.
    pub(super) fn finish(&mut self, output: &mut Output<'_>) -> Result<(), UploadFailure> {
        if let Self::Sniffing(..) = self {
            self.begin(output)?;
        }
        match self {
            Self::Sniffing(..) | Self::Plain => Ok(()),
            Self::Gzip(decoder) => {
                decoder.try_finish().map_err(|error| corrupt("gzip", error))?;
                drain(decoder, output)
            }
            Self::Zstd(frames) => frames.finish(),
            Self::Zip(spool) => spool.unpack(output),
        }
    }

    /// Decides by the first bytes, then takes them.
    fn begin(&mut self, output: &mut Output<'_>) -> Result<(), UploadFailure> {
        let Self::Sniffing(head, spool_dir) = self else { return Ok(()) };
        let head = std::mem::take(head);
        *self = match head.as_slice() {
            [0x1f, 0x8b, ..] => Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd(Frames::new()?),
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::Zip(Spool::create(spool_dir.as_deref())?),
            _ => Self::Plain,
        };
        self.feed(&head, output)
    }
}

fn feed_gzip(
    decoder: &mut MultiGzDecoder<Vec<u8>>,
    mut rest: &[u8],
    output: &mut Output<'_>,
) -> Result<(), UploadFailure> {
    while !rest.is_empty() {
        let taken = decoder.write(rest).map_err(|error| corrupt("gzip", error))?;
        if taken == 0 {
            return Err(corrupt("gzip", "it does not go on"));
        }
        drain(decoder, output)?;
        rest = rest.get(taken..).unwrap_or_default();
    }
    Ok(())
}

fn drain(decoder: &mut MultiGzDecoder<Vec<u8>>, output: &mut Output<'_>) -> Result<(), UploadFailure> {
    let unpacked = decoder.get_mut();
    let passed = output(unpacked);
    unpacked.clear();
    passed
}

pub(super) fn corrupt(format: &str, problem: impl std::fmt::Display) -> UploadFailure {
    UploadFailure::new(FailureReason::CorruptArchive, format!("the {format} cannot be unpacked: {problem}"))
        .hint("pack the file again, or send it unpacked")
}

/// zstd frames, one after another.
pub(super) struct Frames {
    decoder: Decoder<'static>,
    unpacked: Vec<u8>,
    inside: bool,
}

impl Frames {
    fn new() -> Result<Self, UploadFailure> {
        let mut decoder = Decoder::new().map_err(|error| corrupt("zstd", error))?;
        let window = DParameter::WindowLogMax(ZSTD_WINDOW_LOG);
        decoder.set_parameter(window).map_err(|error| corrupt("zstd", error))?;
        Ok(Self { decoder, unpacked: vec![0; ZSTD_OUTPUT_BYTES], inside: false })
    }

    fn feed(&mut self, mut rest: &[u8], output: &mut Output<'_>) -> Result<(), UploadFailure> {
        loop {
            let status =
                self.decoder.run_on_buffers(rest, &mut self.unpacked).map_err(|error| corrupt("zstd", error))?;
            if status.bytes_read == 0 && status.bytes_written == 0 && !rest.is_empty() {
                return Err(corrupt("zstd", "it does not go on"));
            }
            output(self.unpacked.get(..status.bytes_written).unwrap_or_default())?;
            rest = rest.get(status.bytes_read..).unwrap_or_default();
            self.inside = status.remaining != 0;
            let drained = status.bytes_written < self.unpacked.len();
            if rest.is_empty() && (drained || !self.inside) {
                return Ok(());
            }
        }
    }

    fn finish(&self) -> Result<(), UploadFailure> {
        if self.inside { Err(corrupt("zstd", "it ends in the middle of a frame")) } else { Ok(()) }
    }
}
