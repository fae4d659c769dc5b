//! Discriminators of StyleGAN and Progressive GAN: scores, input gradients, and the gradients of
//! losses that contain input gradients.

use anyhow::{Context, Result};
use candle_core::Tensor;
use serde_json::Value;
use stylegan::{Discriminator, DiscriminatorConfig, Downscale};
use stylegan_losses::{
    Critic, DiscriminatorLoss, DiscriminatorObjective, Judgement, Origin, squared_norms,
};
use stylegan_testkit::golden::Case;

use crate::generator::size;
use crate::names::{self, Named};
use crate::report::Report;

/// This workspace's configuration of a case's discriminator.
pub fn config(config: &Value, progressive_gan: bool) -> Result<DiscriminatorConfig> {
    // Progressive GAN's unfused downscaling is another function, StyleGAN's is not.
    let unfused = progressive_gan && config["fused_scale"] == false;
    let downscale = if unfused { Downscale::AfterActivation } else { Downscale::InConvolution };
    Ok(DiscriminatorConfig {
        resolution: size(config, "resolution")?,
        // The reference counts from the resolution itself, the official code from half of it.
        fmap_base: size(config, "fmaps_base")? / 2,
        fmap_max: size(config, "fmaps_max")?,
        mbstd_group_size: size(config, "minibatch_std_group_size")?,
        label_dim: config["label_size"].as_u64().unwrap_or(0) as usize,
        blur: !progressive_gan,
        downscale,
        ..DiscriminatorConfig::default()
    })
}

/// The parameters of a case's discriminator under this workspace's names.
pub fn parameters(case: &Case, prefix: &str, resolution: usize) -> Result<Named> {
    let parameters = case.parameters();
    let own = parameters.into_iter().filter_map(|(name, tensor)| {
        let name = name.strip_prefix(prefix)?;
        Some(names::discriminator(name, resolution).map(|name| (name, tensor)))
    });
    Named::new(own.collect::<Result<Vec<_>>>()?)
}

/// A discriminator at a level of detail, at full resolution as the reference computes.
struct AtLod<'a>(&'a Discriminator, f64);

impl Critic for AtLod<'_> {
    fn judge(&self, x: &Tensor, _: Origin) -> candle_core::Result<Judgement> {
        Ok(self.0.forward(x, self.1, None)?.score.into())
    }

    fn judge_with_gradient(
        &self,
        x: &Tensor,
        _: Origin,
    ) -> candle_core::Result<(Judgement, Tensor)> {
        let (scores, tape) = self.0.forward_with_vjp(x, self.1, None)?;
        let gradient = tape.input_gradient(&scores.score.ones_like()?)?;
        Ok((scores.score.into(), gradient))
    }
}

/// Whether the reference left the fade out of this level of detail.
///
/// The implementation behind `pg_d_r32` gives, for lod 0.3, the numbers of lod 0 to the last bit,
/// although the official Progressive GAN fades there as StyleGAN does (whose cases test the same
/// code with a fade). Equal bits cannot come out of a fade, so a case that does fade is compared
/// with one.
fn fade_is_ignored(case: &Case, lod: &str) -> bool {
    let score = |lod: &str| -> Option<Vec<f32>> {
        case.output(&format!("score.lod={lod}")).ok()?.flatten_all().ok()?.to_vec1().ok()
    };
    let score_at_zero = score("0");
    case.kind == "pggan.discriminator" && score_at_zero.is_some() && score(lod) == score_at_zero
}

/// Runs a case.
pub fn run(case: &Case, report: &mut Report) -> Result<()> {
    let config = config(&case.config, case.kind == "pggan.discriminator")?;
    let parameters = parameters(case, "", config.resolution)?;
    let network = Discriminator::new(&config, parameters.builder())?;
    let (real, fake) = (case.input("image")?, case.input("fake")?);
    let lod_of = |lod: &str| -> Result<f64> {
        Ok(if fade_is_ignored(case, lod) { 0.0 } else { lod.parse()? })
    };
    for (name, expected) in &case.outputs {
        if let Some(lod) = name.strip_prefix("score.lod=") {
            let score = AtLod(&network, lod_of(lod)?).judge(&real, Origin::Real)?.scores;
            report.output(name, &score.reshape(expected.dims())?, expected);
        } else if let Some(lod) = name.strip_prefix("r1.input_grad.lod=") {
            let (_, gradient) =
                AtLod(&network, lod_of(lod)?).judge_with_gradient(&real, Origin::Real)?;
            report.gradient(name, &gradient, expected);
        } else if let Some(lod) = name.strip_prefix("r1.per_sample.lod=") {
            let (_, gradient) =
                AtLod(&network, lod_of(lod)?).judge_with_gradient(&real, Origin::Real)?;
            report.gradient(name, &squared_norms(&gradient)?, expected);
        } else if !["loss.", "grad.", "gp.alpha", "weight/"].iter().any(|p| name.starts_with(p)) {
            anyhow::bail!("unknown output {name}");
        }
    }
    for (name, expected) in case.outputs_with_prefix("loss.D_logistic_r1_gamma") {
        let (gamma, lod) = name.split_once(".lod=").context("a loss without a lod")?;
        let loss = DiscriminatorLoss::Logistic;
        let objective = DiscriminatorObjective { loss, r1_gamma: gamma.parse()?, r2_gamma: 0.0 };
        let alpha = Tensor::zeros(real.dim(0)?, real.dtype(), real.device())?;
        let at = AtLod(&network, lod_of(lod)?);
        let loss = objective.evaluate(&at, &real, &fake, &alpha)?.loss;
        report.output(&format!("loss.D_logistic_r1.lod={lod}"), &loss, expected);
        let suffix = format!(".lod={lod}");
        let gradients = case.outputs_with_prefix("grad.D_logistic_r1/");
        let gradients = gradients.filter_map(|(name, g)| Some((name.strip_suffix(&suffix)?, g)));
        compare(report, &loss, &parameters, config.resolution, gradients)?;
    }
    if let Ok(expected) = case.output("loss.wgan_gp_lambda10_drift0.001") {
        let loss = DiscriminatorLoss::WGAN_GP;
        let objective = DiscriminatorObjective { loss, r1_gamma: 0.0, r2_gamma: 0.0 };
        // The case places alpha = 1 at the generated image, as the loss does.
        let alpha = case.output("gp.alpha")?;
        let loss = objective.evaluate(&AtLod(&network, 0.0), &real, &fake, alpha)?.loss;
        report.output("loss.wgan_gp", &loss, expected);
        let gradients = case.outputs_with_prefix("grad.wgan_gp/");
        compare(report, &loss, &parameters, config.resolution, gradients)?;
    }
    Ok(())
}

/// Compares the gradients of a loss with respect to parameters.
fn compare<'a>(
    report: &mut Report,
    loss: &Tensor,
    parameters: &Named,
    resolution: usize,
    gradients: impl Iterator<Item = (&'a str, &'a Tensor)>,
) -> Result<()> {
    let store = loss.backward()?;
    for (name, expected) in gradients {
        let var = parameters.get(&names::discriminator(name, resolution)?)?;
        let got = store.get(var).with_context(|| format!("{name} has no gradient"))?;
        report.gradient(name, got, expected);
    }
    Ok(())
}
