//! The pages of an LMDB file: two meta pages, of which the younger counts, and a B+ tree.

use std::path::Path;

use crate::source::bytes::{self, Parts, u16_at, u32_at, u64_at};

const MAGIC: u32 = 0xBEEF_C0DE;
const VERSION: u32 = 1;

/// Bytes before a page's own content.
const HEAD: usize = 16;

/// Bytes before a node's key.
const NODE: usize = 8;

const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const OVERFLOW: u16 = 0x04;

/// A node's value is in pages of its own.
const BIG: u16 = 0x01;

/// Trees are a few pages deep; what is deeper goes in circles.
const MAX_DEPTH: usize = 32;

/// A root that says that the tree is empty.
const NO_PAGE: u64 = u64::MAX;

/// Whether a file begins with a meta page.
pub(in crate::source) fn is_lmdb(path: &Path) -> bool {
    bytes::first(path, 24).is_ok_and(|start| u32_at(&start, HEAD) == Some(MAGIC))
}

struct Meta {
    page_size: u64,
    root: u64,
    last_page: u64,
    entries: u64,
    transaction: u64,
}

fn meta(page: &[u8]) -> Option<Meta> {
    let body = page.get(HEAD..)?;
    if u32_at(body, 0)? != MAGIC || u32_at(body, 4)? != VERSION {
        return None;
    }
    // Address and size of the map, then two trees: that of free pages, whose first field is the
    // size of a page, and the main one.
    let (free, main) = (24, 24 + 48);
    Some(Meta {
        page_size: u32_at(body, free)?.into(),
        entries: u64_at(body, main + 32)?,
        root: u64_at(body, main + 40)?,
        last_page: u64_at(body, main + 48)?,
        transaction: u64_at(body, main + 56)?,
    })
}

/// Calls `with` for the key of every entry and the place of its value: where it begins in the
/// file, and its length.
pub(super) fn entries(file: &Parts, mut with: impl FnMut(&[u8], (u64, u64))) -> Result<(), String> {
    let short = |_| String::from("it is too short to be an LMDB");
    let first = meta(&file.array::<160>(0).map_err(short)?);
    let first = first.ok_or("it is no LMDB of version 1 with little-endian numbers")?;
    let size = first.page_size;
    if !size.is_power_of_two() || !(512..=65_536).contains(&size) {
        return Err(format!("its pages of {size} bytes are not possible"));
    }
    let second = file.array::<160>(size).ok().and_then(|page| meta(&page));
    let meta = match second {
        Some(second) if second.transaction > first.transaction => second,
        _ => first,
    };
    if meta.root == NO_PAGE {
        return Ok(());
    }
    let mut walk =
        Walk { file, size, last: meta.last_page, pages: 0, entries: 0, most: meta.entries };
    walk.page(meta.root, 0, &mut with)?;
    if walk.entries != meta.entries {
        return Err(format!("it says {} entries, and has {}", meta.entries, walk.entries));
    }
    Ok(())
}

struct Walk<'a> {
    file: &'a Parts,
    size: u64,
    last: u64,
    /// Pages seen; no tree has more than the file.
    pages: u64,
    entries: u64,
    most: u64,
}

impl Walk<'_> {
    fn page(
        &mut self,
        number: u64,
        depth: usize,
        with: &mut impl FnMut(&[u8], (u64, u64)),
    ) -> Result<(), String> {
        let broken = || format!("its page {number} is broken");
        self.pages += 1;
        if number > self.last || depth > MAX_DEPTH || self.pages > self.file.len() / self.size {
            return Err(format!("its tree leads to the impossible page {number}"));
        }
        let start = number.checked_mul(self.size).ok_or_else(broken)?;
        let page = self.file.read(start, self.size).map_err(|_| broken())?;
        let flags = u16_at(&page, 10).ok_or_else(broken)?;
        let lower = usize::from(u16_at(&page, 12).ok_or_else(broken)?);
        let count = lower.checked_sub(HEAD).ok_or_else(broken)? / 2;
        if u64_at(&page, 0) != Some(number) || lower > page.len() {
            return Err(broken());
        }
        for slot in 0..count {
            let at = u16_at(&page, HEAD + 2 * slot).map(usize::from).ok_or_else(broken)?;
            let node = page.get(at..).ok_or_else(broken)?;
            let parts = [0, 2, 4, 6].map(|at| u16_at(node, at));
            let [Some(low), Some(high), Some(node_flags), Some(key)] = parts else {
                return Err(broken());
            };
            let len = u64::from(low) | u64::from(high) << 16;
            if flags & BRANCH != 0 {
                self.page(len | u64::from(node_flags) << 32, depth + 1, with)?;
            } else if flags & LEAF != 0 {
                let value = NODE + usize::from(key);
                let key = node.get(NODE..value).ok_or_else(broken)?;
                self.entries += 1;
                if self.entries > self.most {
                    return Err(format!("it has more than the {} entries it says", self.most));
                }
                let place = if node_flags & BIG != 0 {
                    let page = u64_at(node, value).ok_or_else(broken)?;
                    self.overflow(page)?
                } else if node_flags == 0 && node.get(value..value + len as usize).is_some() {
                    start + (at + value) as u64
                } else {
                    return Err(broken());
                };
                if place.checked_add(len).is_none_or(|end| end > self.file.len()) {
                    return Err(broken());
                }
                with(key, (place, len));
            } else {
                return Err(broken());
            }
        }
        Ok(())
    }

    /// Where the content of an overflow page begins.
    fn overflow(&self, number: u64) -> Result<u64, String> {
        let broken = || format!("its page {number} is broken");
        let start = number.checked_mul(self.size).filter(|_| number <= self.last);
        let start = start.ok_or_else(broken)?;
        let head: [u8; HEAD] = self.file.array(start).map_err(|_| broken())?;
        if u16_at(&head, 10) != Some(OVERFLOW) || u64_at(&head, 0) != Some(number) {
            return Err(broken());
        }
        Ok(start + HEAD as u64)
    }
}
