//! Outputs written by several tasks at once, and scratch memory that a thread keeps.

use std::cell::RefCell;
use std::marker::PhantomData;

/// A mutable slice that several tasks write, each to a part that no other task touches.
///
/// It may point at memory that is not initialised yet: write through [`SharedMut::slice_mut`] or [`SharedMut::as_ptr`], never read
/// an element before it was written.
#[derive(Clone, Copy)]
pub(crate) struct SharedMut<'a> {
    pointer: *mut f32,
    len: usize,
    life: PhantomData<&'a mut [f32]>,
}

// SAFETY: the pointer is only used through unsafe methods whose callers promise disjoint parts.
unsafe impl Send for SharedMut<'_> {}
// SAFETY: as above.
unsafe impl Sync for SharedMut<'_> {}

impl<'a> SharedMut<'a> {
    /// Shares a slice among tasks.
    pub(crate) fn new(slice: &'a mut [f32]) -> Self {
        Self { pointer: slice.as_mut_ptr(), len: slice.len(), life: PhantomData }
    }

    /// The number of elements.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// A pointer to the element at `start`, which may equal the length.
    pub(crate) fn as_ptr(&self, start: usize) -> *mut f32 {
        assert!(start <= self.len, "start {start} is beyond {} elements", self.len);
        // SAFETY: `start` lies in the allocation or one past its end.
        unsafe { self.pointer.add(start) }
    }

    /// The part `start..start + len`.
    ///
    /// # Safety
    /// No other task may touch that part while the slice lives, and elements that were never written must not be read.
    pub(crate) unsafe fn slice_mut(&self, start: usize, len: usize) -> &'a mut [f32] {
        assert!(
            start <= self.len && len <= self.len - start,
            "part {start}+{len} is beyond {} elements",
            self.len
        );
        // SAFETY: in bounds by the assertion; disjointness is the caller's promise. Every bit pattern is a float, and
        // the caller does not read what was not written.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.add(start), len) }
    }
}

/// A new vector of `len` elements that `fill` writes, without clearing it first.
///
/// # Safety
/// `fill` must write every element.
pub(crate) unsafe fn build_f32(len: usize, fill: impl FnOnce(SharedMut<'_>)) -> Vec<f32> {
    let mut data: Vec<f32> = Vec::with_capacity(len);
    fill(SharedMut { pointer: data.as_mut_ptr(), len, life: PhantomData });
    // SAFETY: the capacity is at least `len`, and `fill` wrote all of it.
    unsafe { data.set_len(len) };
    data
}

/// One cache line, to align scratch memory to vector loads.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

thread_local! {
    /// Scratch buffers of this thread that nobody uses at the moment.
    static SPARE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// A spare buffer of this thread: the smallest that holds `lines`, else the largest to be replaced.
fn take_spare(lines: usize) -> Vec<Line> {
    SPARE.with(|spare| {
        let mut spare = spare.borrow_mut();
        let fitting = spare.iter().enumerate().filter(|(_, buffer)| buffer.len() >= lines);
        let best = fitting.min_by_key(|(_, buffer)| buffer.len());
        let best = best.or_else(|| spare.iter().enumerate().max_by_key(|(_, buffer)| buffer.len()));
        match best.map(|(index, _)| index) {
            Some(index) => spare.swap_remove(index),
            None => Vec::new(),
        }
    })
}

/// Runs `work` with `len` floats of scratch memory, aligned to 64 bytes. What they hold at first is unspecified.
///
/// The memory stays with the thread for its next call: a fresh allocation of megabytes costs more page faults than the work on it is worth.
pub(crate) fn with_scratch<R>(len: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let needed = len.div_ceil(16);
    let mut lines = take_spare(needed);
    if lines.len() < needed {
        // freed first, and not copied
        drop(lines);
        lines = vec![Line([0.0; 16]); needed];
    }
    // SAFETY: `Line` is sixteen floats without padding, so the first `len` floats lie in the vector.
    let floats = unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast::<f32>(), len) };
    let result = work(floats);
    SPARE.with(|spare| spare.borrow_mut().push(lines));
    result
}
