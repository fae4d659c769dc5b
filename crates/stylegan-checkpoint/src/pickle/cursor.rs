//! Reading the bytes of a pickle from front to back.

use std::ops::Range;
use std::sync::Arc;

use super::PickleFault;
use super::node::{Arena, Chunk};

/// A place in the file, or in a buffer that was decoded from it.
pub(crate) struct Cursor<'f> {
    file: &'f [u8],
    base: Option<Arc<Vec<u8>>>,
    at: usize,
    end: usize,
}

impl<'f> Cursor<'f> {
    /// At the start of `chunk`.
    pub(crate) fn new(arena: &Arena<'f>, chunk: &Chunk) -> Self {
        let length = chunk.base.as_deref().map_or(arena.file.len(), Vec::len);
        Self {
            file: arena.file,
            base: chunk.base.clone(),
            at: chunk.range.start,
            end: chunk.range.end.min(length),
        }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    fn bytes(&self) -> &[u8] {
        self.base.as_deref().map_or(self.file, Vec::as_slice)
    }

    /// The next `count` bytes.
    pub(crate) fn take(
        &mut self,
        count: usize,
        what: &'static str,
    ) -> Result<Range<usize>, PickleFault> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.end);
        let end = end.ok_or(PickleFault::Truncated(what))?;
        let range = self.at..end;
        self.at = end;
        Ok(range)
    }

    pub(crate) fn chunk(&mut self, count: usize, what: &'static str) -> Result<Chunk, PickleFault> {
        Ok(Chunk { range: self.take(count, what)?, base: self.base.clone() })
    }

    /// An unsigned little-endian number of up to eight bytes.
    pub(crate) fn number(&mut self, bytes: usize, what: &'static str) -> Result<u64, PickleFault> {
        let range = self.take(bytes, what)?;
        let mut word = [0; 8];
        word[..bytes].copy_from_slice(&self.bytes()[range]);
        Ok(u64::from_le_bytes(word))
    }

    /// A length, which must fit what is left.
    pub(crate) fn length(
        &mut self,
        bytes: usize,
        what: &'static str,
    ) -> Result<usize, PickleFault> {
        let length = self.number(bytes, what)?;
        let left = self.end - self.at;
        usize::try_from(length).ok().filter(|&length| length <= left).ok_or_else(|| {
            PickleFault::malformed(format!(
                "{what} claims {length} bytes, but only {left} are left: the file is truncated or damaged"
            ))
        })
    }

    /// The rest of the line, without its end.
    pub(crate) fn line(&mut self, what: &'static str) -> Result<Chunk, PickleFault> {
        let rest = &self.bytes()[self.at..self.end];
        let length = rest.iter().position(|&byte| byte == b'\n');
        let chunk = self.chunk(length.ok_or(PickleFault::Truncated(what))?, what)?;
        self.at += 1;
        Ok(chunk)
    }

    pub(crate) fn view(&self, chunk: &Chunk) -> &[u8] {
        self.bytes().get(chunk.range.clone()).unwrap_or_default()
    }

    pub(crate) fn text(&self, chunk: &Chunk) -> Result<&str, PickleFault> {
        std::str::from_utf8(self.view(chunk))
            .map_err(|_| PickleFault::malformed("a string is not UTF-8"))
    }
}
