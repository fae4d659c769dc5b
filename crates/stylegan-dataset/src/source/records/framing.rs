//! The frame of a record: length, checksum of the length, payload, checksum of the payload.

use std::path::Path;

use crate::source::bytes::{self, Parts};

/// What a checksum is turned by, so that a checksum of data that hold checksums is still a good one.
const MASK: u32 = 0xA282_EAD8;

/// Bytes before and after a payload.
const HEAD: u64 = 12;
const TAIL: u64 = 4;

fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(MASK)
}

/// The length in a head, if its checksum fits.
fn length(head: &[u8]) -> Option<u64> {
    let length = head.first_chunk::<8>()?;
    let sum = bytes::u32_at(head, 8)?;
    (masked(length) == sum).then(|| u64::from_le_bytes(*length))
}

/// Whether a file begins with a record.
pub(crate) fn is_records(path: &Path) -> bool {
    bytes::first(path, HEAD).is_ok_and(|head| length(&head).is_some())
}

/// Where the payloads of a file begin, and their lengths.
pub(super) fn places(file: &Parts) -> Result<Vec<(u64, u64)>, String> {
    let mut places = Vec::new();
    let mut at = 0;
    while at < file.len() {
        let number = places.len();
        let head: [u8; HEAD as usize] =
            file.array(at).map_err(|_| format!("it is cut short in record {number}"))?;
        let len = length(&head)
            .ok_or_else(|| format!("the checksum of record {number}'s length is wrong"))?;
        let next = len.checked_add(at + HEAD + TAIL).filter(|&next| next <= file.len());
        places.push((at + HEAD, len));
        at = next.ok_or_else(|| format!("it is cut short in record {number}"))?;
    }
    Ok(places)
}

/// A payload, checked.
pub(super) fn payload(file: &Parts, start: u64, len: u64) -> Result<Vec<u8>, String> {
    let mut payload = file.read(start, len + TAIL)?;
    let sum = bytes::u32_at(&payload, len as usize);
    payload.truncate(len as usize);
    if sum != Some(masked(&payload)) {
        return Err(String::from("its checksum is wrong"));
    }
    Ok(payload)
}

/// A payload in its frame.
pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    let sums = [masked(&length).to_le_bytes(), masked(payload).to_le_bytes()];
    [&length[..], &sums[0], payload, &sums[1]].concat()
}
