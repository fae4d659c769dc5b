//! What the elementwise kernels share: walking planes, sums in a fixed order, reading tensors in a backward pass.

use std::ops::{Deref, Range};

use candle_core::{CpuStorage, Device, Result, Storage, Tensor, bail};
use rayon::prelude::*;

/// Elements that are worth a task: about ten microseconds of work, and they fit the first cache.
pub(crate) const GRAIN: usize = 1 << 14;

/// A tensor [N, C, ...] seen as planes: one for each image and channel, of the remaining elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planes {
    /// Images, N.
    pub batch: usize,
    /// Channels, C.
    pub channels: usize,
    /// Elements of a plane: H * W, or 1 for a matrix.
    pub len: usize,
}

impl Planes {
    /// The planes of `x`, which must have two or four dimensions.
    pub(crate) fn of(op: &'static str, x: &Tensor) -> Result<Self> {
        match *x.dims() {
            [batch, channels] => Ok(Self { batch, channels, len: 1 }),
            [batch, channels, height, width] => Ok(Self { batch, channels, len: height * width }),
            ref other => bail!("{op}: expected x [N, C] or [N, C, H, W], got {other:?}"),
        }
    }

    /// How many planes there are.
    pub(crate) fn count(&self) -> usize {
        self.batch * self.channels
    }

    /// How many elements there are.
    pub(crate) fn elements(&self) -> usize {
        self.count() * self.len
    }

    /// Calls `work` for every plane and returns what it returns, in order.
    pub(crate) fn map<T: Send>(&self, work: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
        let least = (GRAIN / self.len.max(1)).max(1);
        (0..self.count()).into_par_iter().with_min_len(least).map(work).collect()
    }
}

/// The planes that a run of elements touches.
///
/// The run starts at the element `first` of a tensor of planes of `plane_len` elements and has `len` elements. Each item is a plane's index and
/// the part of the run inside that plane, counted from the start of the run.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    plane: usize,
    start: usize,
    /// Where the plane ends, counted from the start of the run.
    end: usize,
    len: usize,
    plane_len: usize,
}

impl Parts {
    #[inline(always)]
    pub(crate) fn new(first: usize, len: usize, plane_len: usize) -> Self {
        let plane_len = plane_len.max(1);
        let plane = first / plane_len;
        Self { plane, start: 0, end: (plane + 1) * plane_len - first, len, plane_len }
    }
}

impl Iterator for Parts {
    type Item = (usize, Range<usize>);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.start >= self.len {
            return None;
        }
        let item = (self.plane, self.start..self.end.min(self.len));
        self.plane += 1;
        self.start = self.end;
        self.end += self.plane_len;
        Some(item)
    }
}

/// Independent partial sums: the order of additions, and so every bit, is the same on every machine.
const LANES: usize = 32;

/// Elements after which the partial sums go on in double precision.
const BLOCK: usize = 1 << 12;

#[inline(always)]
fn total(mut lanes: [f32; LANES]) -> f64 {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
        half /= 2;
    }
    f64::from(lanes[0])
}

/// The `K` sums of `terms(a[i], b[i])` over all i. `a` and `b` have the same length.
#[inline(always)]
pub(crate) fn sums2<const K: usize>(
    a: &[f32],
    b: &[f32],
    terms: impl Fn(f32, f32) -> [f32; K],
) -> [f64; K] {
    let mut sums = [0f64; K];
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        let mut lanes = [[0f32; LANES]; K];
        let (a, a_rest) = a.as_chunks::<LANES>();
        let (b, b_rest) = b.as_chunks::<LANES>();
        for (a, b) in a.iter().zip(b) {
            for i in 0..LANES {
                let terms = terms(a[i], b[i]);
                for k in 0..K {
                    lanes[k][i] += terms[k];
                }
            }
        }
        for (i, (&a, &b)) in a_rest.iter().zip(b_rest).enumerate() {
            let terms = terms(a, b);
            for k in 0..K {
                lanes[k][i] += terms[k];
            }
        }
        for k in 0..K {
            sums[k] += total(lanes[k]);
        }
    }
    sums
}

/// The `K` sums of `terms(a[i])` over all i.
#[inline(always)]
pub(crate) fn sums<const K: usize>(a: &[f32], terms: impl Fn(f32) -> [f32; K]) -> [f64; K] {
    sums2(a, a, |a, _| terms(a))
}

/// The sums over images of numbers per plane, for each channel: what gradients of parameters per channel are made of.
pub(crate) fn sum_over_batch<const K: usize>(
    planes: &Planes,
    per_plane: &[[f64; K]],
) -> Vec<[f64; K]> {
    let mut sums = vec![[0.0; K]; planes.channels];
    for image in per_plane.chunks_exact(planes.channels.max(1)) {
        for (sums, terms) in sums.iter_mut().zip(image) {
            for (sum, term) in sums.iter_mut().zip(terms) {
                *sum += term;
            }
        }
    }
    sums
}

/// A parameter gradient `[C]` from one of the sums of each channel.
pub(crate) fn per_channel<const K: usize>(
    sums: &[[f64; K]],
    which: usize,
    scale: f64,
    device: &Device,
) -> Result<Tensor> {
    let gradient: Vec<f32> = sums.iter().map(|sums| (sums[which] * scale) as f32).collect();
    Tensor::from_vec(gradient, sums.len(), device)
}

/// Read access to the elements of a contiguous float32 tensor in main memory.
pub(crate) struct View<G> {
    guard: G,
    range: Range<usize>,
}

/// A [`View`] of `x`, whose elements must lie in order.
pub(crate) fn view<'a>(
    op: &'static str,
    x: &'a Tensor,
) -> Result<View<impl Deref<Target = Storage> + use<'a>>> {
    let (guard, layout) = x.storage_and_layout();
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("{op}: expected a contiguous tensor, got strides {:?}", layout.stride());
    };
    if !matches!(&*guard, Storage::Cpu(CpuStorage::F32(_))) {
        bail!("{op}: expected float32 on the CPU, got {:?}", guard.dtype());
    }
    Ok(View { guard, range: start..end })
}

impl<G: Deref<Target = Storage>> View<G> {
    /// The elements, row-major.
    pub(crate) fn slice(&self) -> &[f32] {
        match &*self.guard {
            Storage::Cpu(CpuStorage::F32(data)) => &data[self.range.clone()],
            // `view` lets nothing else through.
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_run() {
        let parts: Vec<_> = Parts::new(5, 9, 4).collect();
        assert_eq!(parts, [(1, 0..3), (2, 3..7), (3, 7..9)]);
        assert_eq!(Parts::new(4, 2, 4).collect::<Vec<_>>(), [(1, 0..2)]);
        assert_eq!(Parts::new(4, 0, 4).count(), 0);
    }

    #[test]
    fn sums_are_those_of_double_precision() {
        for len in [0, 1, 31, 32, 33, 4096, 10_000] {
            let a: Vec<f32> = (0..len).map(|i| ((i * 37) % 101) as f32 * 0.37 + 1.0).collect();
            let [sum, squares] = sums(&a, |a| [a, a * a]);
            let exact: f64 = a.iter().map(|&a| f64::from(a)).sum();
            let exact_squares: f64 = a.iter().map(|&a| f64::from(a).powi(2)).sum();
            assert!((sum - exact).abs() <= 1e-6 * exact, "{len}: {sum} {exact}");
            assert!((squares - exact_squares).abs() <= 1e-6 * exact_squares, "{len}");
        }
    }
}
