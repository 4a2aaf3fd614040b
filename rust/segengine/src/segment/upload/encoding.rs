//! From unpacked bytes to UTF-8: byte order marks, UTF-16, and the refusal of what is no text.
//!
//! The first [`HEAD_BYTES`] decide, whatever the chunks: so the same file always means the same. UTF-8 then passes
//! through untouched; UTF-16 is rewritten chunk by chunk, and what is no character becomes the byte `0xFF`, which is no
//! UTF-8 either, so that the line is counted as such.

use super::failure::{FailureReason, UploadFailure};
use super::report::Encoding;

/// What is looked at before anything is read.
const HEAD_BYTES: usize = 4_096;
/// Share of control characters from which a head is no text, in percent. Random bytes have 11.
const CONTROL_PERCENT: usize = 5;

/// First bytes of files that people send by mistake.
const MAGIC: &[(&[u8], &str)] = &[
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel or Word document"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a", "a RAR archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"\xff\xfe\0\0", "UTF-32 text"),
    (b"\0\0\xfe\xff", "UTF-32 text"),
];

/// Where UTF-8 goes.
pub(super) type Output<'a> = dyn FnMut(&[u8]) -> Result<(), UploadFailure> + 'a;

/// Turns the bytes of a text file into UTF-8.
#[derive(Debug, Default)]
pub(super) struct TextDecoder {
    head: Vec<u8>,
    encoding: Option<Encoding>,
    utf16: Utf16,
}

impl TextDecoder {
    /// How the text is written, once the head is read.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding.unwrap_or_default()
    }

    /// Takes a chunk.
    pub(super) fn feed(&mut self, bytes: &[u8], output: &mut Output<'_>) -> Result<(), UploadFailure> {
        if self.encoding.is_some() {
            return self.pass(bytes, output);
        }
        let missing = HEAD_BYTES - self.head.len();
        let (head, rest) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
        self.head.extend_from_slice(head);
        if self.head.len() < HEAD_BYTES {
            return Ok(());
        }
        self.begin(output)?;
        self.pass(rest, output)
    }

    /// Takes the end of the file.
    pub(super) fn finish(&mut self, output: &mut Output<'_>) -> Result<(), UploadFailure> {
        if self.encoding.is_none() {
            self.begin(output)?;
        }
        self.utf16.finish();
        self.utf16.drain(output)
    }

    /// Decides by the head, then passes it on.
    fn begin(&mut self, output: &mut Output<'_>) -> Result<(), UploadFailure> {
        let head = std::mem::take(&mut self.head);
        let (encoding, mark_bytes) = judge(&head)?;
        self.encoding = Some(encoding);
        self.utf16.high_byte_first = encoding == Encoding::Utf16Be;
        self.pass(head.get(mark_bytes..).unwrap_or_default(), output)
    }

    fn pass(&mut self, bytes: &[u8], output: &mut Output<'_>) -> Result<(), UploadFailure> {
        match self.encoding {
            Some(Encoding::Utf16Le | Encoding::Utf16Be) => {
                self.utf16.feed(bytes);
                self.utf16.drain(output)
            }
            _ => output(bytes),
        }
    }
}

/// The encoding that a head shows, and the length of its byte order mark.
fn judge(head: &[u8]) -> Result<(Encoding, usize), UploadFailure> {
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(binary(what));
    }
    if head.starts_with(b"\xef\xbb\xbf") {
        return Ok((Encoding::Utf8Bom, 3));
    }
    if head.starts_with(b"\xff\xfe") {
        return Ok((Encoding::Utf16Le, 2));
    }
    if head.starts_with(b"\xfe\xff") {
        return Ok((Encoding::Utf16Be, 2));
    }
    if let Some(encoding) = unmarked_utf16(head) {
        return Ok((encoding, 0));
    }
    let is_control = |byte: &&u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1a);
    let controls = head.iter().filter(is_control).count();
    if controls * 100 > head.len() * CONTROL_PERCENT {
        return Err(binary("no text"));
    }
    Ok((Encoding::Utf8, 0))
}

/// UTF-16 without a mark, where it is beyond doubt: every second byte is NUL and no other.
fn unmarked_utf16(head: &[u8]) -> Option<Encoding> {
    let (pairs, _odd) = head.as_chunks::<2>();
    if pairs.len() < 2 {
        None
    } else if pairs.iter().all(|[low, high]| *low != 0 && *high == 0) {
        Some(Encoding::Utf16Le)
    } else if pairs.iter().all(|[high, low]| *low != 0 && *high == 0) {
        Some(Encoding::Utf16Be)
    } else {
        None
    }
}

fn binary(what: &str) -> UploadFailure {
    UploadFailure::new(FailureReason::Binary, format!("this is {what}, not a text file"))
        .hint("export the column of hashes as CSV in UTF-8")
}

/// UTF-16 on its way to UTF-8: at most one byte and one surrogate are held between chunks.
#[derive(Debug, Default)]
struct Utf16 {
    high_byte_first: bool,
    odd: Option<u8>,
    surrogate: Option<u16>,
    ready: Vec<u8>,
}

impl Utf16 {
    fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        if let (Some(first), Some((second, tail))) = (self.odd, rest.split_first()) {
            self.odd = None;
            self.take([first, *second]);
            rest = tail;
        }
        let (pairs, odd) = rest.as_chunks::<2>();
        for pair in pairs {
            self.take(*pair);
        }
        self.odd = odd.first().copied().or(self.odd);
    }

    fn take(&mut self, pair: [u8; 2]) {
        let unit = if self.high_byte_first { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
        let is_high = (0xd800..0xdc00).contains(&unit);
        let is_low = (0xdc00..0xe000).contains(&unit);
        let held = self.surrogate.take();
        if held.is_some() && !is_low {
            self.ready.push(0xff);
        }
        if is_high {
            self.surrogate = Some(unit);
            return;
        }
        let units = held.filter(|_| is_low).into_iter().chain([unit]);
        for decoded in char::decode_utf16(units) {
            match decoded {
                Ok(character) => self.ready.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
                Err(_) => self.ready.push(0xff),
            }
        }
    }

    /// What was cut off by the end of the file is no character.
    fn finish(&mut self) {
        if self.surrogate.take().is_some() {
            self.ready.push(0xff);
        }
        if self.odd.take().is_some() {
            self.ready.push(0xff);
        }
    }

    fn drain(&mut self, output: &mut Output<'_>) -> Result<(), UploadFailure> {
        if self.ready.is_empty() {
            return Ok(());
        }
        let passed = output(&self.ready);
        self.ready.clear();
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8], cut: usize) -> (Encoding, Vec<u8>) {
        let (mut decoder, mut text) = (TextDecoder::default(), Vec::new());
        let mut output = |part: &[u8]| {
            text.extend_from_slice(part);
            Ok(())
        };
        for chunk in bytes.chunks(cut) {
            decoder.feed(chunk, &mut output).unwrap();
        }
        decoder.finish(&mut output).unwrap();
        (decoder.encoding(), text)
    }

    /// UTF-16 of both orders becomes the UTF-8 that the standard library makes, however it is cut.
    #[test]
    fn utf16_is_transcoded() {
        let text = "Adresse électronique \u{1f600}\r\nb58996c504c5638798eb6b511e6f49af\r\n".repeat(200);
        let little: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let big: Vec<u8> = [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect();
        for cut in [1, 2, 3, 4_095, 4_096, 100_000] {
            assert_eq!(decode(&little, cut), (Encoding::Utf16Le, text.clone().into_bytes()));
            assert_eq!(decode(&big, cut), (Encoding::Utf16Be, text.clone().into_bytes()));
        }
    }

    /// Half characters are bytes that are no UTF-8, and nothing after them is lost.
    #[test]
    fn half_characters_are_marked() {
        let units = [0x61, 0xd83d, 0x62, 0xde00, 0xd83d, 0xd83d, 0xde00];
        let bytes: Vec<u8> = [0xff, 0xfe].into_iter().chain(units.into_iter().flat_map(u16::to_le_bytes)).collect();
        for cut in 1..16 {
            assert_eq!(decode(&bytes, cut).1, b"a\xffb\xff\xff\xf0\x9f\x98\x80");
        }
        assert_eq!(decode(b"\xff\xfea\0b", 1).1, b"a\xff");
    }

    /// A mark is dropped; UTF-16 without one is seen where it is beyond doubt.
    #[test]
    fn marks() {
        assert_eq!(decode(b"\xef\xbb\xbfabc", 1), (Encoding::Utf8Bom, b"abc".to_vec()));
        assert_eq!(decode(b"a\0b\0", 1), (Encoding::Utf16Le, b"ab".to_vec()));
        assert_eq!(decode(b"\0a\0b", 3), (Encoding::Utf16Be, b"ab".to_vec()));
        assert_eq!(decode(b"", 1), (Encoding::Utf8, Vec::new()));
    }

    /// What is no text is named.
    #[test]
    fn binaries_are_named() {
        for (bytes, name) in [
            (&b"%PDF-1.7"[..], "PDF"),
            (b"\x89PNG\r\n\x1a\n", "PNG"),
            (b"\x01\x02\x03abc", "no text"),
            (b"\xff\xfe\0\0a\0\0\0", "UTF-32"),
        ] {
            let failure = judge(bytes).unwrap_err();
            assert_eq!(failure.reason(), FailureReason::Binary);
            assert!(failure.message().contains(name), "{}", failure.message());
        }
    }
}
