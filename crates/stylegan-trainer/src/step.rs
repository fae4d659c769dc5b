//! One training step of each network: losses and gradients, no update.

use std::cell::Cell;

use candle_core::{Result, Tensor};
use stylegan::{Discriminator, Generator, Noise, NoiseKind, Parameters, Scores, mix};
use stylegan_augment::Augmentation;
use stylegan_losses::{
    ClassLoss, Critic, DiscriminatorLoss, DiscriminatorObjective, GeneratorLoss, Judgement, Origin,
};
use stylegan_ops::in_pool;

use crate::augment::Augment;
use crate::diversity::diversity;
use crate::draws::{Draws, Half};
use crate::gradients::Gradients;
use crate::networks::Networks;

/// What a step computes, whatever the batch.
#[derive(Debug, Clone)]
pub struct StepSettings {
    /// The generator's loss.
    pub generator_loss: GeneratorLoss,
    /// The discriminator's loss, without its penalties.
    pub discriminator_loss: DiscriminatorLoss,
    /// The loss of labels, where the discriminator has an AC-GAN head.
    pub class: ClassTerm,
    /// Weight of the R1 penalty.
    pub r1_gamma: f64,
    /// Weight of the R2 penalty.
    pub r2_gamma: f64,
    /// Probability of style mixing (0.9).
    pub mixing_probability: f64,
    /// The noise inputs in training; `None` for the constant maps.
    pub noise: Option<NoiseKind>,
    /// What the discriminator sees instead of images.
    pub augment: Augment,
    /// The run's seed.
    pub seed: u64,
    /// Losses are multiplied with it before the pass backwards, and gradients divided by it: a power of two for float16, else 1.
    pub loss_scale: f64,
}

/// The loss of an AC-GAN head's guess of labels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassTerm {
    /// Its kind.
    pub loss: ClassLoss,
    /// Its weight (1).
    pub weight: f64,
}

impl Default for ClassTerm {
    /// Progressive GAN's.
    fn default() -> Self {
        Self { loss: ClassLoss::default(), weight: 1.0 }
    }
}

impl ClassTerm {
    /// The weighted loss per sample `[N]`; none without a guess or without labels to compare it with.
    fn evaluate(self, found: &Scores, labels: Option<&Tensor>) -> Result<Option<Tensor>> {
        match (&found.label_logits, labels) {
            (Some(logits), Some(labels)) if self.weight != 0.0 => {
                let loss = self.loss.evaluate(logits, labels)?;
                Ok(Some(loss.affine(self.weight, 0.0)?))
            }
            _ => Ok(None),
        }
    }
}

/// Where in the run a step stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepPosition {
    /// The step's number.
    pub step: u64,
    /// The part of an accumulated batch.
    pub part: usize,
    /// The level of detail.
    pub lod: f64,
}

/// What the discriminator's step found. Its numbers, `[]`, stay on the device: to read one is to wait for it.
pub struct DiscriminatorStep {
    /// The loss with its penalties, mean over the batch.
    pub loss: Tensor,
    /// The mean score of the real images.
    pub real_score: Tensor,
    /// The mean sign of the scores of the real images.
    pub real_sign: Tensor,
    /// The mean score of the generated images.
    pub fake_score: Tensor,
    /// The penalties' share of the loss.
    pub penalty: Tensor,
    /// How much the generated images differ from one another, beside the real ones: about 1, and towards 0 where they are alike.
    pub diversity: Tensor,
    /// Of the discriminator's parameters.
    pub gradients: Gradients,
    /// The batch's `w` `[N, w_dim]`, for its moving average.
    pub w: Tensor,
}

/// What the generator's step found.
pub struct GeneratorStep {
    /// The loss, mean over the batch, `[]`; it stays on the device.
    pub loss: Tensor,
    /// Of the generator's parameters.
    pub gradients: Gradients,
    /// The batch's `w` `[N, w_dim]`, for its moving average.
    pub w: Tensor,
}

/// A discriminator at a level of detail, behind the augmentation, as the losses see it.
pub(crate) struct NetworkCritic<'a> {
    network: &'a Discriminator,
    lod: f64,
    /// The labels of the real images; those of the generated ones too, where the generator is told labels.
    labels: Option<&'a Tensor>,
    /// Whether it is.
    conditional: bool,
    class: ClassTerm,
    augment: Augment,
    draws: Draws,
    /// Batches shown so far: each is augmented with numbers of its own.
    shown: Cell<u32>,
}

impl NetworkCritic<'_> {
    fn judgement(&self, found: Scores, origin: Origin) -> Result<Judgement> {
        let known = self.labels.filter(|_| origin == Origin::Real || self.conditional);
        Ok(Judgement { own_loss: self.class.evaluate(&found, known)?, scores: found.score })
    }

    fn augmentation(&self, x: &Tensor) -> Result<Augmentation> {
        let batch = self.shown.get();
        self.shown.set(batch + 1);
        self.augment.draw(x, self.draws.augmentation(batch))
    }
}

impl Critic for NetworkCritic<'_> {
    fn judge(&self, x: &Tensor, origin: Origin) -> Result<Judgement> {
        let x = self.augmentation(x)?.forward(x)?;
        self.judgement(self.network.forward_native(&x, self.lod, self.labels)?, origin)
    }

    /// The official gradients are taken at full resolution, where each pixel of a smaller image
    /// is repeated `4^k` times and has a `4^k`-th of its gradient, so that squares sum to a
    /// `4^k`-th: the gradient is scaled by `2^-k`.
    ///
    /// The gradient is that with respect to the images before they were augmented.
    fn judge_with_gradient(&self, x: &Tensor, origin: Origin) -> Result<(Judgement, Tensor)> {
        let augmentation = self.augmentation(x)?;
        let x = augmentation.forward(x)?;
        let (scores, tape) = self.network.forward_native_with_vjp(&x, self.lod, self.labels)?;
        let gradient = augmentation.vjp(&tape.input_gradient(&scores.score.ones_like()?)?)?;
        let pyramid = self.network.pyramid();
        let halvings = (self.lod.floor() as i32).min(pyramid.blocks() as i32 - 1);
        let gradient =
            if halvings > 0 { gradient.affine(0.5f64.powi(halvings), 0.0)? } else { gradient };
        Ok((self.judgement(scores, origin)?, gradient))
    }
}

impl StepSettings {
    /// Losses and gradients of the discriminator on `reals` `[N, channels, H, W]`, of the
    /// resolution that `floor(lod)` stands for and already faded, and as many generated images.
    pub fn discriminator(
        &self,
        networks: &Networks,
        reals: &Tensor,
        labels: Option<&Tensor>,
        at: StepPosition,
    ) -> Result<DiscriminatorStep> {
        let draws = Draws::new(self.seed, at.step, Half::Discriminator, at.part);
        in_pool(|| {
            let z = draws.latents(reals.dim(0)?, self.z_dim(networks), reals.device())?;
            self.discriminator_on(networks, reals, &z, labels, &draws, at)
        })
    }

    /// As [`Self::discriminator`], for given latents `z` `[N, z_dim]`.
    pub fn discriminator_on(
        &self,
        networks: &Networks,
        reals: &Tensor,
        z: &Tensor,
        labels: Option<&Tensor>,
        draws: &Draws,
        at: StepPosition,
    ) -> Result<DiscriminatorStep> {
        let (fakes, w) = self.images(&networks.frozen_generator, z, labels, draws, at.lod)?;
        let critic = self.critic(networks, labels, at.lod, *draws);
        let objective = DiscriminatorObjective {
            loss: self.discriminator_loss,
            r1_gamma: self.r1_gamma,
            r2_gamma: self.r2_gamma,
        };
        let alpha = draws.interpolation(reals.dim(0)?, reals.device())?;
        let mut gradients = Gradients::default();
        let result = objective.evaluate_by_terms(&critic, reals, &fakes, &alpha, |term| {
            let found = self.gradients(&term, &networks.discriminator_parameters)?;
            gradients.accumulate(found, 1.0)
        })?;
        Ok(DiscriminatorStep {
            loss: result.loss.detach(),
            real_score: result.real_scores.mean_all()?.detach(),
            real_sign: result.real_scores.sign()?.mean_all()?.detach(),
            fake_score: result.fake_scores.mean_all()?.detach(),
            penalty: result.penalty.mean_all()?.detach(),
            diversity: diversity(&fakes, reals)?,
            gradients,
            w,
        })
    }

    /// Loss and gradients of the generator on as many images as `reals` `[N, channels, H, W]`, which only a loss that compares looks at.
    pub fn generator(
        &self,
        networks: &Networks,
        reals: &Tensor,
        labels: Option<&Tensor>,
        at: StepPosition,
    ) -> Result<GeneratorStep> {
        let draws = Draws::new(self.seed, at.step, Half::Generator, at.part);
        in_pool(|| {
            let z = draws.latents(reals.dim(0)?, self.z_dim(networks), reals.device())?;
            self.generator_on(networks, reals, &z, labels, &draws, at)
        })
    }

    /// As [`Self::generator`], for given latents `z` `[N, z_dim]`.
    pub fn generator_on(
        &self,
        networks: &Networks,
        reals: &Tensor,
        z: &Tensor,
        labels: Option<&Tensor>,
        draws: &Draws,
        at: StepPosition,
    ) -> Result<GeneratorStep> {
        let (fakes, w) = self.images(&networks.generator, z, labels, draws, at.lod)?;
        let fakes = self.augment.draw(&fakes, draws.augmentation(0))?.forward(&fakes)?;
        let discriminator = &networks.frozen_discriminator;
        let found = discriminator.forward_native(&fakes, at.lod, labels)?;
        let real_scores = if self.generator_loss.looks_at_reals() {
            let reals = self.augment.draw(reals, draws.augmentation(1))?.forward(reals)?;
            Some(discriminator.forward_native(&reals, at.lod, labels)?.score)
        } else {
            None
        };
        let mut loss = self.generator_loss.evaluate(&found.score, real_scores.as_ref())?;
        let known = labels.filter(|_| networks.generator.is_conditional());
        if let Some(class) = self.class.evaluate(&found, known)? {
            loss = (loss + class)?;
        }
        let loss = loss.mean_all()?;
        Ok(GeneratorStep {
            loss: loss.detach(),
            gradients: self.gradients(&loss, &networks.generator_parameters)?,
            w: w.detach(),
        })
    }

    /// The gradients of a loss `[]`, by way of the scaled loss.
    pub(crate) fn gradients(&self, loss: &Tensor, parameters: &Parameters) -> Result<Gradients> {
        let scale = self.loss_scale;
        if scale == 1.0 {
            return Ok(Gradients::of(parameters, loss.backward()?));
        }
        let scaled = Gradients::of(parameters, loss.affine(scale, 0.0)?.backward()?);
        let mut gradients = Gradients::default();
        gradients.accumulate(scaled, 1.0 / scale)?;
        Ok(gradients)
    }

    /// Images of latents, with style mixing and noise as in training, and the latents' `w`.
    pub(crate) fn images(
        &self,
        generator: &Generator,
        z: &Tensor,
        labels: Option<&Tensor>,
        draws: &Draws,
        lod: f64,
    ) -> Result<(Tensor, Tensor)> {
        let (ws, w) = self.styles(generator, z, labels, draws, lod)?;
        let noise = self.noise.map_or(Noise::Const, |kind| draws.noise(kind));
        Ok((generator.synthesis().forward_native(&ws, lod, &noise)?, w))
    }

    /// Styles of latents with style mixing, and the latents' `w`.
    pub(crate) fn styles(
        &self,
        generator: &Generator,
        z: &Tensor,
        labels: Option<&Tensor>,
        draws: &Draws,
        lod: f64,
    ) -> Result<(Tensor, Tensor)> {
        let labels = labels.filter(|_| generator.is_conditional());
        let w = generator.map(z, labels)?;
        let mut ws = generator.broadcast(&w)?;
        // Layers beyond the level of detail do not count as places to mix at.
        let layers = generator.num_layers().saturating_sub(2 * lod.floor() as usize).max(2);
        if let Some(crossover) = draws.crossover(self.mixing_probability, layers) {
            let (n, dim) = z.dims2()?;
            let second = generator.map(&draws.mixing_latents(n, dim, z.device())?, labels)?;
            ws = mix(&ws, &generator.broadcast(&second)?, crossover)?;
        }
        Ok((ws, w))
    }

    /// The discriminator as the losses see it.
    pub(crate) fn critic<'a>(
        &self,
        networks: &'a Networks,
        labels: Option<&'a Tensor>,
        lod: f64,
        draws: Draws,
    ) -> NetworkCritic<'a> {
        let conditional = networks.generator.is_conditional();
        let (network, class, augment) = (&networks.discriminator, self.class, self.augment);
        let shown = Cell::new(0);
        NetworkCritic { network, lod, labels, conditional, class, augment, draws, shown }
    }

    pub(crate) fn z_dim(&self, networks: &Networks) -> usize {
        networks.generator.config().mapping.z_dim
    }
}
