//! Reading sets of ids that come from outside: checked before anything is expanded.
//!
//! A serialized set may lie about everything: 925 kB can claim all 2^32 ids. So size, structure, the largest id and the
//! count are checked on the compressed form, and a set that fails is refused by name. Trailing bytes are refused too:
//! they are the sign of another format (the 64-bit maps begin with a count and then hold 32-bit sets).

use croaring::{Bitmap, Portable};

use crate::error::{Error, ErrorKind, Result};
use crate::limits;

/// Cookie of a set without run containers, in the first four bytes.
const COOKIE_WITHOUT_RUNS: u32 = 12_346;
/// Cookie of a set with run containers, in the first two bytes.
const COOKIE_WITH_RUNS: u16 = 12_347;

/// Decodes the portable 32-bit Roaring format; `name` is what the error calls the bytes.
///
/// # Errors
/// `LimitExceeded` for more bytes or larger ids than allowed; `Corrupted` for anything that is not exactly one
/// well-formed 32-bit set.
pub(super) fn decode(name: &str, bytes: &[u8], ids_end: u64) -> Result<Bitmap> {
    if bytes.len() > limits::SET_BYTES {
        return Err(Error::limit(name, bytes.len() as u64, limits::SET_BYTES as u64, "bytes"));
    }
    let starts_well = match *bytes {
        [a, b, c, d, ..] => {
            u32::from_le_bytes([a, b, c, d]) == COOKIE_WITHOUT_RUNS || u16::from_le_bytes([a, b]) == COOKIE_WITH_RUNS
        }
        _ => false,
    };
    if !starts_well {
        let message = format!("{name}: not a 32-bit Roaring set in the portable format (a 64-bit map, or other bytes)");
        return Err(Error::new(ErrorKind::Corrupted, message).hint("serialize with the portable 32-bit format"));
    }
    let Some(bitmap) = Bitmap::try_deserialize::<Portable>(bytes) else {
        return Err(refused(name, "truncated or inconsistent"));
    };
    if bitmap.get_serialized_size_in_bytes::<Portable>() != bytes.len() {
        return Err(refused(name, "bytes left over after the set"));
    }
    match bitmap.maximum() {
        Some(largest) if u64::from(largest) >= ids_end => {
            Err(Error::limit(name, u64::from(largest) + 1, ids_end, "ids")
                .hint("the set holds ids that this engine never gave"))
        }
        _ => Ok(bitmap),
    }
}

fn refused(name: &str, what: &str) -> Error {
    Error::new(ErrorKind::Corrupted, format!("{name}: not a valid 32-bit Roaring set: {what}"))
}

/// Checks that `bytes` are one well-formed portable 32-bit set and returns its number of ids.
///
/// # Errors
/// `Corrupted` or `LimitExceeded`, naming `name`.
pub fn check_portable(name: &str, bytes: &[u8]) -> Result<u64> {
    decode(name, bytes, 1 << 32).map(|bitmap| bitmap.cardinality())
}
