//! Lazy regularisation: steps whose loss is a penalty alone (Karras et al. 2020, section 3.1).

use candle_core::{Result, Tensor};
use stylegan::Noise;
use stylegan_losses::{Critic, Origin, PathLength, path_cotangent, squared_norms};
use stylegan_ops::in_pool;

use crate::draws::{Draws, Half};
use crate::gradients::Gradients;
use crate::networks::Networks;
use crate::step::{StepPosition, StepSettings};

/// What a step of the discriminator's penalties found.
pub struct PenaltyStep {
    /// The penalties, weighted, mean over the batch: `[]`, on the device.
    pub penalty: Tensor,
    /// Of the discriminator's parameters.
    pub gradients: Gradients,
}

/// What a step of path length regularisation found.
pub struct PathLengthStep {
    /// The penalty, weighted, mean over the batch: `[]`, on the device.
    pub penalty: Tensor,
    /// The running mean of lengths after this step, `[]`, on the device.
    pub mean: Tensor,
    /// Of the generator's parameters.
    pub gradients: Gradients,
    /// The batch's `w` `[N, w_dim]`, for its moving average.
    pub w: Tensor,
}

impl StepSettings {
    /// The gradients of R1 at `reals` `[N, channels, H, W]` and of R2 at generated images, with the settings' weights.
    ///
    /// # Errors
    /// Those of the networks.
    pub fn penalties(
        &self,
        networks: &Networks,
        reals: &Tensor,
        labels: Option<&Tensor>,
        at: StepPosition,
    ) -> Result<PenaltyStep> {
        in_pool(|| self.penalties_here(networks, reals, labels, at))
    }

    fn penalties_here(
        &self,
        networks: &Networks,
        reals: &Tensor,
        labels: Option<&Tensor>,
        at: StepPosition,
    ) -> Result<PenaltyStep> {
        let draws = Draws::new(self.seed, at.step, Half::Discriminator, at.part).regularization();
        let critic = self.critic(networks, labels, at.lod, draws);
        let half_norms = |images: &Tensor, origin: Origin, gamma: f64| {
            let (_, gradient) = critic.judge_with_gradient(images, origin)?;
            squared_norms(&gradient)?.mean_all()?.affine(0.5 * gamma, 0.0)
        };
        let mut penalty = Tensor::zeros((), reals.dtype(), reals.device())?;
        if self.r1_gamma != 0.0 {
            penalty = (penalty + half_norms(&reals.detach(), Origin::Real, self.r1_gamma)?)?;
        }
        if self.r2_gamma != 0.0 {
            let z = draws.latents(reals.dim(0)?, self.z_dim(networks), reals.device())?;
            let (fakes, _) = self.images(&networks.frozen_generator, &z, labels, &draws, at.lod)?;
            penalty = (penalty + half_norms(&fakes.detach(), Origin::Generated, self.r2_gamma)?)?;
        }
        let gradients = self.gradients(&penalty, &networks.discriminator_parameters)?;
        Ok(PenaltyStep { penalty: penalty.detach(), gradients })
    }

    /// The gradients of path length regularisation on `n` images, whose running mean is `mean` `[]`.
    ///
    /// # Errors
    /// Those of the networks, and a generator of StyleGAN.
    pub fn path_length(
        &self,
        networks: &Networks,
        n: usize,
        labels: Option<&Tensor>,
        regularizer: PathLength,
        mean: &Tensor,
        at: StepPosition,
    ) -> Result<PathLengthStep> {
        in_pool(|| self.path_length_here(networks, n, labels, regularizer, mean, at))
    }

    fn path_length_here(
        &self,
        networks: &Networks,
        n: usize,
        labels: Option<&Tensor>,
        regularizer: PathLength,
        mean: &Tensor,
        at: StepPosition,
    ) -> Result<PathLengthStep> {
        let generator = &networks.generator;
        let device = generator.w_avg().device();
        let draws = Draws::new(self.seed, at.step, Half::Generator, at.part).regularization();
        let z = draws.latents(n, self.z_dim(networks), device)?;
        let (ws, w) = self.styles(generator, &z, labels, &draws, at.lod)?;
        let noise = self.noise.map_or(Noise::Const, |kind| draws.noise(kind));
        let (images, tape) = generator.synthesis().forward_with_vjp(&ws, &noise)?;
        let cotangent = path_cotangent(&draws.image_noise(images.dims4()?, device)?)?;
        let found = regularizer.evaluate(&tape.styles_gradient(&cotangent)?, mean)?;
        let gradients = self.gradients(&found.loss, &networks.generator_parameters)?;
        Ok(PathLengthStep {
            penalty: found.loss.detach(),
            mean: found.mean,
            gradients,
            w: w.detach(),
        })
    }
}
