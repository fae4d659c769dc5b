//! The sizes of one convolution, checked once.

use candle_core::{Result, Shape, Tensor, bail};

/// Sizes of `y = conv2d(x, w)` with x [N, Ci, H, W], w [Co, Ci, K, K], y [N, Co, Ho, Wo]; shared by the
/// forward pass and both vector-Jacobian products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Geometry {
    pub batch: usize,
    pub in_channels: usize,
    pub out_channels: usize,
    pub in_h: usize,
    pub in_w: usize,
    pub out_h: usize,
    pub out_w: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
}

/// The size of the output along one axis.
fn output_size(
    op: &str,
    size: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
) -> Result<usize> {
    if stride == 0 {
        bail!("{op}: expected a stride of at least 1, got 0");
    }
    if kernel == 0 {
        bail!("{op}: expected a kernel of at least 1x1, got 0");
    }
    if size + 2 * padding < kernel {
        bail!(
            "{op}: expected an input of at least the kernel's size {kernel}, got {size} with padding {padding}"
        );
    }
    Ok((size + 2 * padding - kernel) / stride + 1)
}

/// The four dimensions of an argument, or an error that names it.
fn dims4(op: &str, name: &str, tensor: &Tensor) -> Result<(usize, usize, usize, usize)> {
    match *tensor.dims() {
        [a, b, c, d] => Ok((a, b, c, d)),
        _ => bail!("{op}: expected {name} of 4 dimensions, got {:?}", tensor.dims()),
    }
}

/// Dimensions of w [Co, Ci, K, K].
fn weight_dims(op: &str, w: &Tensor) -> Result<(usize, usize, usize)> {
    let (out_channels, in_channels, kh, kw) = dims4(op, "a weight [Co, Ci, K, K]", w)?;
    if kh != kw {
        bail!("{op}: expected a square kernel, got {kh}x{kw}");
    }
    Ok((out_channels, in_channels, kh))
}

impl Geometry {
    /// With the size of the output, which follows.
    fn new(
        op: &str,
        batch: usize,
        (in_channels, out_channels): (usize, usize),
        (in_h, in_w): (usize, usize),
        (kernel, stride, padding): (usize, usize, usize),
    ) -> Result<Self> {
        Ok(Self {
            batch,
            in_channels,
            out_channels,
            in_h,
            in_w,
            out_h: output_size(op, in_h, kernel, stride, padding)?,
            out_w: output_size(op, in_w, kernel, stride, padding)?,
            kernel,
            stride,
            padding,
        })
    }

    /// From x and w.
    pub(crate) fn forward(x: &Tensor, w: &Tensor, stride: usize, padding: usize) -> Result<Self> {
        let op = "conv2d";
        let (batch, in_channels, in_h, in_w) = dims4(op, "an input [N, Ci, H, W]", x)?;
        let (out_channels, weight_in, kernel) = weight_dims(op, w)?;
        if weight_in != in_channels {
            bail!(
                "{op}: expected a weight for the input's {in_channels} channels, got {weight_in} (input {:?}, weight {:?})",
                x.dims(),
                w.dims()
            );
        }
        let channels = (in_channels, out_channels);
        Self::new(op, batch, channels, (in_h, in_w), (kernel, stride, padding))
    }

    /// From g and w, with the input's size given.
    pub(crate) fn input_vjp(
        g: &Tensor,
        w: &Tensor,
        (in_h, in_w): (usize, usize),
        stride: usize,
        padding: usize,
    ) -> Result<Self> {
        let op = "conv2d_input_vjp";
        let (batch, g_channels, g_h, g_w) = dims4(op, "a cotangent [N, Co, Ho, Wo]", g)?;
        let (out_channels, in_channels, kernel) = weight_dims(op, w)?;
        if g_channels != out_channels {
            bail!(
                "{op}: expected a cotangent of the weight's {out_channels} channels, got {g_channels} (cotangent {:?}, weight {:?})",
                g.dims(),
                w.dims()
            );
        }
        let channels = (in_channels, out_channels);
        let it = Self::new(op, batch, channels, (in_h, in_w), (kernel, stride, padding))?;
        it.check_cotangent(op, (g_h, g_w))?;
        Ok(it)
    }

    /// From x and g, with the kernel's size given.
    pub(crate) fn weight_vjp(
        x: &Tensor,
        g: &Tensor,
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> Result<Self> {
        let op = "conv2d_weight_vjp";
        let (batch, in_channels, in_h, in_w) = dims4(op, "an input [N, Ci, H, W]", x)?;
        let (g_batch, out_channels, g_h, g_w) = dims4(op, "a cotangent [N, Co, Ho, Wo]", g)?;
        if g_batch != batch {
            bail!("{op}: expected a cotangent of batch {batch} as the input's, got {g_batch}");
        }
        let channels = (in_channels, out_channels);
        let it = Self::new(op, batch, channels, (in_h, in_w), (kernel, stride, padding))?;
        it.check_cotangent(op, (g_h, g_w))?;
        Ok(it)
    }

    fn check_cotangent(&self, op: &str, (g_h, g_w): (usize, usize)) -> Result<()> {
        if (g_h, g_w) != (self.out_h, self.out_w) {
            bail!(
                "{op}: expected a cotangent of {}x{} for an input of {}x{} with kernel {}, stride {} and padding {}, got {g_h}x{g_w}",
                self.out_h,
                self.out_w,
                self.in_h,
                self.in_w,
                self.kernel,
                self.stride,
                self.padding
            );
        }
        Ok(())
    }

    /// Elements of one input channel.
    pub(crate) fn in_plane(&self) -> usize {
        self.in_h * self.in_w
    }

    /// Elements of one output channel.
    pub(crate) fn out_plane(&self) -> usize {
        self.out_h * self.out_w
    }

    /// Elements of one kernel.
    pub(crate) fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    /// Shape of x.
    pub(crate) fn input_shape(&self) -> Shape {
        (self.batch, self.in_channels, self.in_h, self.in_w).into()
    }

    /// Shape of y.
    pub(crate) fn output_shape(&self) -> Shape {
        (self.batch, self.out_channels, self.out_h, self.out_w).into()
    }

    /// Shape of w.
    pub(crate) fn weight_shape(&self) -> Shape {
        (self.out_channels, self.in_channels, self.kernel, self.kernel).into()
    }

    /// The outputs whose tap `tap` falls inside an input axis of `size`: a range within `0..outputs`.
    pub(crate) fn valid(&self, tap: usize, size: usize, outputs: usize) -> std::ops::Range<usize> {
        // output o reads input o * stride + tap - padding
        let first = self.padding.saturating_sub(tap).div_ceil(self.stride);
        let end = match (size + self.padding).checked_sub(tap) {
            Some(room) => room.div_ceil(self.stride),
            None => 0,
        };
        let end = end.min(outputs);
        first.min(end)..end
    }
}
