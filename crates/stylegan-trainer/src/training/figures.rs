//! The numbers of a step, which stay on the device until somebody reads them: to read a number is to wait for all work before it.

use candle_core::{DType, Device, Result, Tensor};
use stylegan_ops::Later;

use crate::regularization::PenaltyStep;
use crate::step::{DiscriminatorStep, GeneratorStep};

/// Means over the parts of a batch.
#[derive(Default)]
pub(super) struct Figures {
    generator: Mean,
    discriminator: Mean,
    penalty: Mean,
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
    /// The running mean of path lengths.
    pub path_length_mean: f64,
    /// Whether an optimizer left a step out.
    pub skipped: bool,
}

impl Figures {
    pub(super) fn add_generator(&mut self, step: &GeneratorStep, weight: f64) -> Result<()> {
        self.generator.add(&[&step.loss], weight)
    }

    pub(super) fn add_discriminator(
        &mut self,
        step: &DiscriminatorStep,
        weight: f64,
    ) -> Result<()> {
        let DiscriminatorStep { loss, real_score, real_sign, fake_score, penalty, .. } = step;
        self.discriminator.add(&[loss, real_score, real_sign, fake_score, penalty], weight)
    }

    pub(super) fn add_penalty(&mut self, step: &PenaltyStep, weight: f64) -> Result<()> {
        self.penalty.add(&[&step.penalty], weight)
    }

    /// Begins to read all numbers, with the running mean of path lengths `[]`, and `skipped`: numbers `[1]` that are not 0 for steps that an optimizer left
    /// out.
    pub(super) fn read(
        self,
        path_length_mean: &Tensor,
        skipped: &[Tensor],
        device: &Device,
    ) -> Result<Unread> {
        let mut all = vec![
            self.generator.values(1, device)?,
            self.discriminator.values(5, device)?,
            self.penalty.values(1, device)?,
            path_length_mean.to_dtype(DType::F64)?.reshape(1)?,
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
            lazy,
            mean,
            ref skipped @ ..,
        ] = all[..]
        else {
            candle_core::bail!("a step has 8 numbers or more, got {}", all.len())
        };
        Ok(Numbers {
            generator_loss,
            discriminator_loss,
            real_score,
            real_sign,
            fake_score,
            penalty: own + lazy,
            path_length_mean: mean,
            skipped: skipped.iter().any(|&flag| flag != 0.0),
        })
    }
}

/// A weighted mean of some numbers, in float64.
#[derive(Default)]
struct Mean(Option<Tensor>);

impl Mean {
    /// Adds a part's numbers, each `[]`.
    fn add(&mut self, numbers: &[&Tensor], weight: f64) -> Result<()> {
        let flat = numbers.iter().map(|number| number.reshape(1)).collect::<Result<Vec<_>>>()?;
        let part = Tensor::cat(&flat, 0)?.to_dtype(DType::F64)?.affine(weight, 0.0)?;
        self.0 = Some(match self.0.take() {
            Some(sum) => (sum + part)?,
            None => part,
        });
        Ok(())
    }

    /// `[count]`; zeros where there was no part.
    fn values(self, count: usize, device: &Device) -> Result<Tensor> {
        self.0.map_or_else(|| Tensor::zeros(count, DType::F64, device), Ok)
    }
}

/// `new` where all of it is finite, else `old` of the same shape, without a look at either: what is not finite would stay in a running mean for good.
pub(super) fn if_finite(new: &Tensor, old: &Tensor) -> Result<Tensor> {
    // Zero times a sum is zero unless the sum is infinite or undefined.
    let finite = new.sqr()?.sum_all()?.affine(0.0, 0.0)?.eq(0f64)?;
    finite.broadcast_as(new.shape())?.where_cond(new, old)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_weighted_means_in_their_order() -> Result<()> {
        let cpu = Device::Cpu;
        let number = |value: f32| Tensor::new(value, &cpu);
        let generator = |loss: f32| -> Result<GeneratorStep> {
            let (gradients, w) = (Default::default(), number(0.0)?);
            Ok(GeneratorStep { loss: number(loss)?, gradients, w })
        };
        let mut figures = Figures::default();
        for (part, weight) in [(1.0, 0.75), (3.0, 0.25)] {
            figures.add_generator(&generator(part)?, weight)?;
        }
        let discriminator = DiscriminatorStep {
            loss: number(2.0)?,
            real_score: number(3.0)?,
            real_sign: number(-1.0)?,
            fake_score: number(4.0)?,
            penalty: number(5.0)?,
            gradients: Default::default(),
            w: number(0.0)?,
        };
        figures.add_discriminator(&discriminator, 1.0)?;
        let penalty = PenaltyStep { penalty: number(7.0)?, gradients: Default::default() };
        figures.add_penalty(&penalty, 0.5)?;
        let flags = [Tensor::new(&[0f32], &cpu)?, Tensor::new(&[1f32], &cpu)?];
        let found = figures.read(&number(6.0)?, &flags, &cpu)?.wait()?;
        let expected = Numbers {
            generator_loss: 1.5,
            discriminator_loss: 2.0,
            real_score: 3.0,
            real_sign: -1.0,
            fake_score: 4.0,
            penalty: 8.5,
            path_length_mean: 6.0,
            skipped: true,
        };
        assert_eq!(found, expected);
        let empty = Figures::default().read(&number(0.0)?, &[], &cpu)?.wait()?;
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
        Ok(())
    }
}
