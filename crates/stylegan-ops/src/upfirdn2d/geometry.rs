//! The sizes of one resampling, checked once.

use candle_core::{Result, Tensor, bail};

use super::Upfirdn;

/// One axis.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub up: usize,
    pub down: usize,
    pub before: isize,
    pub input: usize,
    pub output: usize,
}

/// Both axes, rows first.
#[derive(Clone, Debug)]
pub(super) struct Geometry {
    pub taps: Vec<f64>,
    pub axes: [Axis; 2],
    pub gain: f64,
}

impl Geometry {
    pub(super) fn forward(x: &Tensor, how: &Upfirdn) -> Result<Self> {
        let (_, _, h, w) = x.dims4()?;
        Self::new(how, (h, w))
    }

    pub(super) fn vjp(g: &Tensor, how: &Upfirdn, input_hw: (usize, usize)) -> Result<Self> {
        let (_, _, h, w) = g.dims4()?;
        let geometry = Self::new(how, input_hw)?;
        let expected = geometry.axes.each_ref().map(|axis| axis.output);
        if expected != [h, w] {
            bail!("upfirdn2d_vjp: expected g of {expected:?} for {input_hw:?}, got {h} x {w}");
        }
        Ok(geometry.transposed())
    }

    fn new(how: &Upfirdn, (h, w): (usize, usize)) -> Result<Self> {
        let &Upfirdn { ref taps, up, down, padding: (before, after), gain } = how;
        if up == 0 || down == 0 || taps.is_empty() {
            let count = taps.len();
            bail!("upfirdn2d: up {up}, down {down} and {count} taps must all be at least 1");
        }
        let axis = |input: usize| {
            let padded = (input * up) as isize + before + after - taps.len() as isize;
            if padded < 0 || input == 0 {
                bail!("upfirdn2d: {input} elements are too few for {} taps", taps.len());
            }
            Ok(Axis { up, down, before, input, output: padded as usize / down + 1 })
        };
        Ok(Self { taps: taps.clone(), axes: [axis(h)?, axis(w)?], gain })
    }

    /// The transpose, from outputs to inputs.
    pub(super) fn transposed(&self) -> Self {
        let last = self.taps.len() as isize - 1;
        let axes = self.axes.each_ref().map(|axis| Axis {
            up: axis.down,
            down: axis.up,
            before: last - axis.before,
            input: axis.output,
            output: axis.input,
        });
        Self { taps: self.taps.iter().rev().copied().collect(), axes, gain: self.gain }
    }
}

impl Axis {
    /// Calls `visit` with the input and the tap of every product that output `o` is the sum of.
    #[inline(always)]
    pub(super) fn products(&self, o: usize, taps: usize, mut visit: impl FnMut(usize, usize)) {
        for tap in 0..taps {
            let place = (o * self.down + tap) as isize - self.before;
            if place >= 0 && (place as usize).is_multiple_of(self.up) {
                let input = place as usize / self.up;
                if input < self.input {
                    visit(input, tap);
                }
            }
        }
    }
}
