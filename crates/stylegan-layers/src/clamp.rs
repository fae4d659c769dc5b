//! A limit of activations.

use candle_core::{Result, Tensor};
use stylegan_ops as ops;

/// Keeps numbers between a limit and its negative, so that they do not leave the range of float16 (`conv_clamp` of StyleGAN2's
/// official code); or does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Clamp(Option<f64>);

impl Clamp {
    /// No limit.
    pub const NONE: Self = Self(None);

    /// This limit, in the numbers' own format.
    pub fn to(limit: f64) -> Self {
        Self(Some(limit))
    }

    /// Numbers within the limit stay as they are, and let their gradients through; the others become the limit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.0.map_or_else(|| Ok(x.clone()), |limit| ops::clamp(x, limit))
    }

    /// The gradient of the input from that of the output `y`; tracked in `g`, and constant in `y`.
    pub fn vjp(&self, g: &Tensor, y: &Tensor) -> Result<Tensor> {
        self.0.map_or_else(|| Ok(g.clone()), |limit| ops::clamp_vjp(g, y, limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device, Var};

    #[test]
    fn limits_numbers_and_stops_their_gradients() -> Result<()> {
        let clamp = Clamp::to(2.0);
        let values = [-3f32, -2.0, -1.0, 0.0, 1.5, 7.0, f32::INFINITY];
        let x = Var::new(&values, &Device::Cpu)?;
        let y = clamp.forward(&x)?;
        assert_eq!(y.to_vec1::<f32>()?, [-2.0, -2.0, -1.0, 0.0, 1.5, 2.0, 2.0]);
        let expected = [0f32, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0];
        let gradient = y.sum_all()?.backward()?.remove(&x).unwrap();
        assert_eq!(gradient.to_vec1::<f32>()?, expected);
        let g = clamp.vjp(&y.ones_like()?, &y)?;
        assert_eq!(g.to_vec1::<f32>()?, expected);
        let half = clamp.forward(&x.detach().to_dtype(DType::F16)?)?;
        assert_eq!(half.to_dtype(DType::F32)?.to_vec1::<f32>()?, y.to_vec1::<f32>()?);
        assert_eq!(Clamp::NONE.forward(&x)?.to_vec1::<f32>()?, values);
        Ok(())
    }
}
