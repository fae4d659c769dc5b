//! Every random number of a training step.

use candle_core::{Device, Result, Tensor};
use stylegan::{Noise, NoiseKind};
use stylegan_ops::random::Stream;

/// Which of the two halves of a step draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// The discriminator's half.
    Discriminator,
    /// The generator's half.
    Generator,
}

/// The random numbers of one part of one training step. They follow from the seed and the step's
/// number alone, so that nothing about randomness is stored in a snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Draws {
    seed: u64,
    step: u64,
}

// Streams of one part of a step.
const LATENT: u32 = 0x100;
const MIXING_LATENT: u32 = 0x101;
const MIXING: u32 = 0x102;
const INTERPOLATION: u32 = 0x103;
const IMAGE_NOISE: u32 = 0x104;
/// And those after it: two for each batch that is augmented.
const AUGMENTATION: u32 = 0x110;

/// Set in the numbers of a part's step of regularisation.
const REGULARIZATION: u64 = 0x8000;

impl Draws {
    /// The draws of `half` of step `step`; `part` counts the parts of an accumulated batch.
    pub fn new(seed: u64, step: u64, half: Half, part: usize) -> Self {
        // 2^15 parts, each with a step of regularisation, of two halves of 2^47 steps have numbers of their own.
        let half = u64::from(half == Half::Generator);
        Self { seed, step: (step << 17) | (half << 16) | (part as u64 & 0x7fff) }
    }

    /// Those of the same part's step of lazy regularisation.
    pub fn regularization(self) -> Self {
        Self { step: self.step | REGULARIZATION, ..self }
    }

    fn stream(&self, id: u32) -> Stream {
        Stream::new(self.seed, self.step, id)
    }

    /// Latents `[n, dim]`.
    pub fn latents(&self, n: usize, dim: usize, device: &Device) -> Result<Tensor> {
        self.stream(LATENT).normal((n, dim), device)
    }

    /// The second latents of style mixing `[n, dim]`.
    pub fn mixing_latents(&self, n: usize, dim: usize, device: &Device) -> Result<Tensor> {
        self.stream(MIXING_LATENT).normal((n, dim), device)
    }

    /// With `probability`, a layer from 1 to `layers - 1` at which styles are mixed: one for the
    /// whole batch, as in the official code.
    pub fn crossover(&self, probability: f64, layers: usize) -> Option<usize> {
        let stream = self.stream(MIXING);
        let mixes = layers > 1 && stream.uniform_at(0) < probability;
        mixes.then(|| 1 + stream.below_at(1, layers as u64 - 1) as usize)
    }

    /// Positions between real and generated images `[n]`, of the gradient penalty.
    pub fn interpolation(&self, n: usize, device: &Device) -> Result<Tensor> {
        self.stream(INTERPOLATION).uniform(n, device)
    }

    /// Normal numbers of an image's shape: what path lengths are measured with.
    pub fn image_noise(
        &self,
        shape: (usize, usize, usize, usize),
        device: &Device,
    ) -> Result<Tensor> {
        self.stream(IMAGE_NOISE).normal(shape, device)
    }

    /// Where the numbers of a step's augmentations come from: one stream for each batch of images that is shown to the discriminator.
    pub fn augmentation(&self, batch: u32) -> Stream {
        self.stream(AUGMENTATION + 2 * batch)
    }

    /// Fresh noise maps.
    pub fn noise(&self, kind: NoiseKind) -> Noise {
        Noise::Random { seed: self.seed, step: self.step, kind }
    }
}
