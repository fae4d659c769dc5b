//! Pooling: the largest or the mean element of every window.
//!
//! With a window of K by K, stride s and padding p, output (i, j) looks at the inputs (i s + u - p, j s + v - p) for u, v in 0..K that lie inside the map;
//! what lies outside counts neither as a number nor in the mean's denominator. In networks of Krizhevsky et al. 2012, section 3.4 (overlapping pooling), and
//! Szegedy et al. 2016.

mod cpu;
mod reference;
#[cfg(test)]
mod tests;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use crate::kernel::{Form, f32_slice};
use crate::planes::view;
use crate::precision::widened;

/// The windows of a pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Side of a window.
    pub kernel: usize,
    /// Distance of neighbouring windows.
    pub stride: usize,
    /// Places around the map that windows may cover; at most half a window.
    pub padding: usize,
    /// Whether a last window that does not fit is cut off at the map's end, instead of left out.
    pub ceil: bool,
}

impl Window {
    /// Windows without padding, the last of which fits.
    pub fn new(kernel: usize, stride: usize) -> Self {
        Self { kernel, stride, padding: 0, ceil: false }
    }

    /// With padding.
    #[must_use]
    pub fn padded(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    /// With a last window that may be cut off.
    #[must_use]
    pub fn cut_off(self) -> Self {
        Self { ceil: true, ..self }
    }

    /// Windows along an axis of `size`.
    fn outputs(&self, op: &str, size: usize) -> Result<usize> {
        let Self { kernel, stride, padding, ceil } = *self;
        if kernel == 0 || stride == 0 || 2 * padding > kernel {
            bail!(
                "{op}: expected a window and a stride of at least 1 and a padding of at most half a window, got {self:?}"
            );
        }
        let Some(room) = (size + 2 * padding).checked_sub(kernel) else {
            bail!(
                "{op}: expected a map of at least the window's size {kernel}, got {size} with padding {padding}"
            );
        };
        let more = if ceil { stride - 1 } else { 0 };
        let count = (room + more) / stride + 1;
        // A window that begins beyond the map sees nothing.
        Ok(if (count - 1) * stride >= size + padding { count - 1 } else { count })
    }
}

/// Windows on maps of one size.
#[derive(Clone, Copy, Debug)]
struct Geometry {
    window: Window,
    in_h: usize,
    in_w: usize,
    out_h: usize,
    out_w: usize,
}

impl Geometry {
    fn of(op: &str, x: &Tensor, window: Window) -> Result<Self> {
        let [_, _, in_h, in_w] = *x.dims() else {
            bail!("{op}: expected [N, C, H, W], got {:?}", x.dims());
        };
        let (out_h, out_w) = (window.outputs(op, in_h)?, window.outputs(op, in_w)?);
        Ok(Self { window, in_h, in_w, out_h, out_w })
    }

    /// The inputs, along an axis of `size`, of window `index`.
    #[inline(always)]
    fn inputs(&self, index: usize, size: usize) -> std::ops::Range<usize> {
        let Window { kernel, stride, padding, .. } = self.window;
        let start = index * stride;
        start.saturating_sub(padding)..(start + kernel - padding).min(size)
    }
}

/// x [N, C, H, W] -> [N, C, Ho, Wo]: the largest element of every window.
///
/// Differentiable once; of equal elements the first gets the gradient.
///
/// # Errors
/// If x does not have four dimensions, or no window fits.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use stylegan_ops::{Window, max_pool2d};
/// let x = Tensor::arange(0f32, 9., &Device::Cpu)?.reshape((1, 1, 3, 3))?;
/// assert_eq!(max_pool2d(&x, Window::new(2, 2))?.flatten_all()?.to_vec1::<f32>()?, [4.]);
/// let cut = max_pool2d(&x, Window::new(2, 2).cut_off())?;
/// assert_eq!(cut.flatten_all()?.to_vec1::<f32>()?, [4., 5., 7., 8.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn max_pool2d(x: &Tensor, window: Window) -> Result<Tensor> {
    pool("max_pool2d", x, window, true)
}

/// x [N, C, H, W] -> [N, C, Ho, Wo]: the mean of every window's elements.
///
/// Differentiable once.
///
/// # Errors
/// As [`max_pool2d`].
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use stylegan_ops::{Window, avg_pool2d};
/// let x = Tensor::arange(0f32, 4., &Device::Cpu)?.reshape((1, 1, 2, 2))?;
/// let y = avg_pool2d(&x, Window::new(3, 1).padded(1))?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [1.5; 4]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn avg_pool2d(x: &Tensor, window: Window) -> Result<Tensor> {
    pool("avg_pool2d", x, window, false)
}

fn pool(name: &'static str, x: &Tensor, window: Window, largest: bool) -> Result<Tensor> {
    let geometry = Geometry::of(name, x, window)?;
    match Form::on_cpu(&[x]) {
        Form::Kernel => x.contiguous()?.apply_op1(Pool { name, geometry, largest }),
        Form::Widened => widened([x], |[x]| pool(name, x, window, largest)),
        Form::Reference => reference::pool(x, &geometry, largest),
    }
}

struct Pool {
    name: &'static str,
    geometry: Geometry,
    /// The largest element, or the mean.
    largest: bool,
}

impl CustomOp1 for Pool {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, c, _, _) = layout.shape().dims4()?;
        let x = f32_slice(self.name, x, layout)?;
        let y = cpu::forward(x, &self.geometry, self.largest);
        Ok((CpuStorage::F32(y), (n, c, self.geometry.out_h, self.geometry.out_w).into()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        let g = g.detach().contiguous()?;
        let (g, x_view) = (view(self.name, &g)?, view(self.name, x)?);
        let gx = cpu::backward(x_view.slice(), g.slice(), &self.geometry, self.largest);
        Tensor::from_vec(gx, x.shape().clone(), x.device()).map(Some)
    }
}
