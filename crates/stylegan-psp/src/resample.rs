//! Linear resampling of images as a pair of matrices, one a direction.
//!
//! Whatever is linear and separable (enlarging a map, cropping a face, the mean over an area, a bicubic reduction) is one
//! small matrix for the rows and one for the columns, and a chain of them is the product. The gradient comes with the product.

use candle_core::{Result, Tensor, bail};
use stylegan_ops as ops;

/// A linear map of one direction: `inputs` pixels to `outputs` pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    inputs: usize,
    /// Row-major, `[outputs, inputs]`.
    weights: Vec<f64>,
}

impl Axis {
    /// Every output's weights by input.
    fn of(inputs: usize, outputs: usize, weights: impl Fn(usize, &mut [f64])) -> Self {
        let mut all = vec![0.0; outputs * inputs];
        for (output, row) in all.chunks_exact_mut(inputs.max(1)).enumerate() {
            weights(output, row);
        }
        Self { inputs, weights: all }
    }

    /// How many pixels come in.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many go out.
    pub fn outputs(&self) -> usize {
        self.weights.len() / self.inputs.max(1)
    }

    /// The pixels of `range` as they are.
    pub fn crop(inputs: usize, range: std::ops::Range<usize>) -> Self {
        let (start, end) = (range.start.min(inputs), range.end.min(inputs));
        Self::of(inputs, end.saturating_sub(start), |output, row| row[start + output] = 1.0)
    }

    /// Linear interpolation in which the first and the last pixels keep their places.
    pub fn bilinear_corners(inputs: usize, outputs: usize) -> Self {
        let step = if outputs > 1 { (inputs - 1) as f64 / (outputs - 1) as f64 } else { 0.0 };
        Self::of(inputs, outputs, |output, row| {
            let at = output as f64 * step;
            let low = (at as usize).min(inputs - 1);
            let part = at - low as f64;
            row[low] += 1.0 - part;
            row[(low + 1).min(inputs - 1)] += part;
        })
    }

    /// Linear interpolation between the centres of pixels, without smoothing before a reduction.
    pub fn bilinear(inputs: usize, outputs: usize) -> Self {
        let step = inputs as f64 / outputs.max(1) as f64;
        Self::of(inputs, outputs, |output, row| {
            let at = ((output as f64 + 0.5) * step - 0.5).clamp(0.0, (inputs - 1) as f64);
            let low = at as usize;
            let part = at - low as f64;
            row[low] += 1.0 - part;
            row[(low + 1).min(inputs - 1)] += part;
        })
    }

    /// The mean over all pixels that an output's part of the image touches: adaptive average pooling. An enlargement repeats pixels.
    pub fn area(inputs: usize, outputs: usize) -> Self {
        Self::of(inputs, outputs, |output, row| {
            let start = output * inputs / outputs;
            let end = ((output + 1) * inputs).div_ceil(outputs);
            let share = 1.0 / (end - start) as f64;
            row[start..end].iter_mut().for_each(|weight| *weight = share);
        })
    }

    /// Cubic convolution (Keys 1981, a = -0.5), widened by the factor of a reduction so that nothing is aliased; borders count
    /// by what is inside.
    pub fn bicubic(inputs: usize, outputs: usize) -> Self {
        let step = inputs as f64 / outputs.max(1) as f64;
        let support = step.max(1.0);
        Self::of(inputs, outputs, |output, row| {
            let centre = (output as f64 + 0.5) * step;
            for (input, weight) in row.iter_mut().enumerate() {
                *weight = cubic((input as f64 + 0.5 - centre) / support);
            }
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|weight| *weight /= sum);
        })
    }

    /// A blur of the given deviation in pixels; borders count by what is inside.
    pub fn gaussian(size: usize, deviation: f64) -> Self {
        Self::of(size, size, |output, row| {
            for (input, weight) in row.iter_mut().enumerate() {
                let distance = (input as f64 - output as f64) / deviation;
                *weight = (-0.5 * distance * distance).exp();
            }
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|weight| *weight /= sum);
        })
    }

    /// This one, then `next`. Sizes that do not meet give an empty axis, which [`Resampler::apply`] refuses.
    pub fn then(&self, next: &Self) -> Self {
        if self.outputs() != next.inputs {
            return Self { inputs: self.inputs, weights: Vec::new() };
        }
        Self::of(self.inputs, next.outputs(), |output, row| {
            let by_middle = &next.weights[output * next.inputs..][..next.inputs];
            for (middle, &weight) in by_middle.iter().enumerate().filter(|(_, w)| **w != 0.0) {
                let from = &self.weights[middle * self.inputs..][..self.inputs];
                row.iter_mut().zip(from).for_each(|(sum, from)| *sum += weight * from);
            }
        })
    }

    /// Whether it changes nothing.
    fn is_identity(&self) -> bool {
        *self == Self::crop(self.inputs, 0..self.inputs)
    }
}

/// Keys's cubic with a = -0.5.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A
    } else {
        0.0
    }
}

/// A linear map of images: one [`Axis`] for the rows, one for the columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Resampler {
    rows: Axis,
    columns: Axis,
}

impl Resampler {
    /// `rows` maps the height, `columns` the width.
    pub fn new(rows: Axis, columns: Axis) -> Self {
        Self { rows, columns }
    }

    /// The same in both directions.
    pub fn square(axis: &Axis) -> Self {
        Self::new(axis.clone(), axis.clone())
    }

    /// `[N, C, H, W]` to `[N, C, H', W']`. Differentiable.
    ///
    /// # Errors
    /// If the images are of another size than the axes are for.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let (_, _, h, w) = x.dims4()?;
        let (expected_h, expected_w) = (self.rows.inputs, self.columns.inputs);
        if (h, w) != (expected_h, expected_w)
            || self.rows.outputs() == 0
            || self.columns.outputs() == 0
        {
            bail!("resampling: expected images of {expected_h}x{expected_w}, got {h}x{w}");
        }
        // The shorter way: what is made smaller first is less to go on with.
        let x = along(x, &self.columns)?;
        if self.rows.is_identity() {
            return Ok(x);
        }
        along(&x.transpose(2, 3)?.contiguous()?, &self.rows)?.transpose(2, 3)?.contiguous()
    }
}

/// Maps the last dimension.
fn along(x: &Tensor, axis: &Axis) -> Result<Tensor> {
    if axis.is_identity() {
        return Ok(x.clone());
    }
    let (n, c, h, w) = x.dims4()?;
    let shape = (axis.outputs(), axis.inputs);
    let matrix = Tensor::from_slice(&axis.weights, shape, x.device())?.to_dtype(x.dtype())?;
    let y = ops::linear(&x.reshape((n * c * h, w))?, &matrix, 1.0)?;
    y.reshape((n, c, h, axis.outputs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use stylegan_testkit::{Tolerance, gradcheck, synthetic_f64};

    fn row(axis: &Axis, output: usize) -> &[f64] {
        &axis.weights[output * axis.inputs..][..axis.inputs]
    }

    #[test]
    fn every_axis_keeps_a_constant() {
        for (inputs, outputs) in [(8, 3), (3, 8), (7, 7), (188, 112), (1, 4), (4, 1)] {
            for axis in [
                Axis::area(inputs, outputs),
                Axis::bilinear(inputs, outputs),
                Axis::bilinear_corners(inputs, outputs),
                Axis::bicubic(inputs, outputs),
            ] {
                assert_eq!((axis.inputs(), axis.outputs()), (inputs, outputs));
                for output in 0..outputs {
                    let sum: f64 = row(&axis, output).iter().sum();
                    assert!((sum - 1.0).abs() < 1e-12, "{inputs} {outputs} {sum}");
                }
            }
        }
    }

    #[test]
    fn known_weights() {
        assert_eq!(row(&Axis::area(3, 2), 1), [0.0, 0.5, 0.5]);
        assert_eq!(row(&Axis::bilinear_corners(2, 3), 1), [0.5, 0.5]);
        assert_eq!(row(&Axis::bilinear_corners(2, 4), 3), [0.0, 1.0]);
        assert_eq!(row(&Axis::bilinear(2, 4), 1), [0.75, 0.25]);
        assert!(Axis::bicubic(5, 5).is_identity());
        // Halving weighs the eight nearest pixels; symmetric, negative at the ends.
        let axis = Axis::bicubic(16, 8);
        let weights = row(&axis, 4);
        assert!((weights[8] - weights[9]).abs() < 1e-12 && weights[5] < 0.0 && weights[6] < 0.0);
        assert_eq!(weights[4], 0.0);
    }

    #[test]
    fn a_chain_is_one_axis() -> Result<()> {
        let x = stylegan_testkit::synthetic("x", (2, 3, 16, 16), 0.0, 1.0);
        let (first, second) = (Axis::crop(16, 2..14), Axis::area(12, 5));
        let at_once = Resampler::square(&first.then(&second)).apply(&x)?;
        let crop = Resampler::square(&first).apply(&x)?;
        assert_eq!(crop.to_vec1_at(0)?, x.narrow(2, 2, 12)?.narrow(3, 2, 12)?.to_vec1_at(0)?);
        let one_by_one = Resampler::square(&second).apply(&crop)?;
        stylegan_testkit::assert_close("chain", &at_once, &one_by_one, Tolerance::REDUCTION);
        assert!(Resampler::square(&first.then(&first)).apply(&x).is_err());
        assert!(Resampler::square(&second).apply(&x).is_err());
        Ok(())
    }

    trait Flat {
        fn to_vec1_at(&self, image: usize) -> Result<Vec<f32>>;
    }

    impl Flat for Tensor {
        fn to_vec1_at(&self, image: usize) -> Result<Vec<f32>> {
            self.get(image)?.flatten_all()?.to_vec1()
        }
    }

    #[test]
    fn gradients_match_finite_differences() {
        let x = synthetic_f64("x", (1, 2, 4, 3), 0.0, 1.0);
        let resampler = Resampler::new(Axis::bicubic(4, 2), Axis::bilinear_corners(3, 5));
        gradcheck(|a| resampler.apply(&a[0]), &[x], Tolerance::FINITE_DIFFERENCE);
    }

    #[test]
    fn rows_and_columns_are_told_apart() -> Result<()> {
        let x = Tensor::arange(0f32, 6.0, &Device::Cpu)?.reshape((1, 1, 2, 3))?;
        let y = Resampler::new(Axis::crop(2, 1..2), Axis::crop(3, 0..2)).apply(&x)?;
        assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [3.0, 4.0]);
        Ok(())
    }
}
