//! The numbers of a step, which stay on the device until somebody reads them: to read a number is to wait for all work before it.

use candle_core::{DType, Device, Result, Tensor};
use stylegan_ops::Later;

/// Means over the parts of a batch, in float64.
#[derive(Default)]
pub(super) struct Figures {
    /// The loss `[1]`.
    pub generator: Option<Tensor>,
    /// Loss, mean real score, its mean sign, mean generated score, penalties and diversity `[6]`.
    pub discriminator: Option<Tensor>,
    /// That of lazy regularisation `[1]`.
    pub penalty: Option<Tensor>,
    /// How many ranks were asked to stop `[1]`.
    pub stops: Option<Tensor>,
}

/// The same, read.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Numbers {
    pub generator_loss: f64,
    pub discriminator_loss: f64,
    pub real_score: f64,
    pub real_sign: f64,
    pub fake_score: f64,
    /// That of the discriminator's step and of lazy regularisation together.
    pub penalty: f64,
    /// Of the generated images, beside the real ones.
    pub diversity: f64,
    /// The running mean of path lengths.
    pub path_length_mean: f64,
    /// Whether any rank was asked to stop.
    pub stops: bool,
    /// Whether an optimizer left a step out.
    pub skipped: bool,
}

impl Figures {
    /// Begins to read all numbers, with the running mean of path lengths `[]`, and `skipped`: numbers `[1]` that are not 0 for steps that an optimizer left
    /// out.
    pub(super) fn read(
        self,
        path_length_mean: &Tensor,
        skipped: &[Tensor],
        device: &Device,
    ) -> Result<Unread> {
        let mut all = vec![
            values(self.generator, 1, device)?,
            values(self.discriminator, 6, device)?,
            values(self.penalty, 1, device)?,
            path_length_mean.to_dtype(DType::F64)?.reshape(1)?,
            values(self.stops, 1, device)?.to_dtype(DType::F64)?,
        ];
        for flag in skipped {
            all.push(flag.to_dtype(DType::F64)?);
        }
        Ok(Unread(Later::read(&Tensor::cat(&all, 0)?)?))
    }
}

/// Numbers on their way.
pub(super) struct Unread(Later);

impl Unread {
    /// Waits for them.
    pub(super) fn wait(self) -> Result<Numbers> {
        let all = self.0.wait()?;
        let [
            generator_loss,
            discriminator_loss,
            real_score,
            real_sign,
            fake_score,
            own,
            diversity,
            lazy,
            mean,
            stops,
            ref skipped @ ..,
        ] = all[..]
        else {
            candle_core::bail!("a step has 10 numbers or more, got {}", all.len())
        };
        Ok(Numbers {
            generator_loss,
            discriminator_loss,
            real_score,
            real_sign,
            fake_score,
            penalty: own + lazy,
            diversity,
            path_length_mean: mean,
            stops: stops != 0.0,
            skipped: skipped.iter().any(|&flag| flag != 0.0),
        })
    }
}

/// Zeros where nothing was found.
fn values(found: Option<Tensor>, count: usize, device: &Device) -> Result<Tensor> {
    found.map_or_else(|| Tensor::zeros(count, DType::F64, device), Ok)
}

/// `new` where all of it is finite, else `old` of the same shape, without a look at either: what is not finite would stay in a running mean for good.
pub(super) fn if_finite(new: &Tensor, old: &Tensor) -> Result<Tensor> {
    // In one dimension: on a GPU, candle adds up and chooses among no tensors without one.
    let (values, before) = (new.flatten_all()?, old.flatten_all()?);
    // Zero times a sum is zero unless the sum is infinite or undefined.
    let finite = values.sqr()?.sum_all()?.affine(0.0, 0.0)?.eq(0f64)?;
    finite.broadcast_as(values.shape())?.where_cond(&values, &before)?.reshape(new.shape())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_their_order() -> Result<()> {
        let cpu = Device::Cpu;
        let figures = Figures {
            generator: Some(Tensor::new(&[1.5f64], &cpu)?),
            discriminator: Some(Tensor::new(&[2.0f64, 3.0, -1.0, 4.0, 5.0, 0.5], &cpu)?),
            penalty: Some(Tensor::new(&[3.5f64], &cpu)?),
            stops: Some(Tensor::new(&[2f32], &cpu)?),
        };
        let flags = [Tensor::new(&[0f32], &cpu)?, Tensor::new(&[1f32], &cpu)?];
        let found = figures.read(&Tensor::new(6f32, &cpu)?, &flags, &cpu)?.wait()?;
        let expected = Numbers {
            generator_loss: 1.5,
            discriminator_loss: 2.0,
            real_score: 3.0,
            real_sign: -1.0,
            fake_score: 4.0,
            penalty: 8.5,
            diversity: 0.5,
            path_length_mean: 6.0,
            stops: true,
            skipped: true,
        };
        assert_eq!(found, expected);
        let empty = Figures::default().read(&Tensor::new(0f32, &cpu)?, &[], &cpu)?.wait()?;
        assert_eq!(empty, Numbers::default());
        Ok(())
    }

    #[test]
    fn what_is_not_finite_is_not_taken() -> Result<()> {
        let old = Tensor::new(&[1f32, 2.0], &Device::Cpu)?;
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let new = Tensor::new(&[3f32, bad], &Device::Cpu)?;
            assert_eq!(if_finite(&new, &old)?.to_vec1::<f32>()?, [1.0, 2.0]);
        }
        let new = Tensor::new(&[3f32, 4.0], &Device::Cpu)?;
        assert_eq!(if_finite(&new, &old)?.to_vec1::<f32>()?, [3.0, 4.0]);
        let (number, old) = (Tensor::new(5f32, &Device::Cpu)?, Tensor::new(6f32, &Device::Cpu)?);
        assert_eq!(if_finite(&number, &old)?.to_scalar::<f32>()?, 5.0);
        Ok(())
    }
}
