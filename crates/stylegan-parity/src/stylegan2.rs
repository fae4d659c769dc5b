//! StyleGAN2: images, styles, gradients, path length; scores and R1.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use candle_core::Tensor;
use candle_core::backprop::GradStore;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stylegan::{
    Architecture, Discriminator, DiscriminatorConfig, Downscale, Generator, GeneratorConfig, Noise,
    Structure, Upscale, mix, truncate,
};
use stylegan_losses::{
    Critic, Judgement, Origin, PathLength, path_cotangent, path_lengths, softplus, squared_norms,
};
use stylegan_testkit::golden::Case;

use crate::generator::size;
use crate::names::{self, Named};
use crate::report::Report;

fn architecture(config: &Value) -> Result<Architecture> {
    Ok(match config.as_str().unwrap_or("skip") {
        "orig" => Architecture::Orig,
        "skip" => Architecture::Skip,
        "resnet" => Architecture::Resnet,
        other => anyhow::bail!("unknown architecture {other}"),
    })
}

/// Where a network changes the size of its maps, in the words of the trainer's configurations; the official way if the case does not say.
fn resampling<T: Default + DeserializeOwned>(config: &Value) -> Result<T> {
    if config.is_null() { Ok(T::default()) } else { Ok(serde_json::from_value(config.clone())?) }
}

/// This workspace's configuration of a case's generator.
pub fn generator_config(config: &Value) -> Result<GeneratorConfig> {
    let mut ours = GeneratorConfig::stylegan2_f();
    if names::is_rosinality(config) {
        ours.mapping.z_dim = size(config, "style_dim")?;
        ours.mapping.w_dim = ours.mapping.z_dim;
        ours.mapping.layers = size(config, "n_mlp")?;
        ours.synthesis.resolution = size(config, "size")?;
        // A multiplier of 2 is configuration F.
        ours.synthesis.fmap_base = 8192 * size(config, "channel_multiplier")?;
    } else {
        let (mapping, synthesis) = (&config["mapping_kwargs"], &config["synthesis_kwargs"]);
        ours.mapping.z_dim = size(config, "z_dim")?;
        ours.mapping.w_dim = size(config, "w_dim")?;
        ours.mapping.layers = size(mapping, "num_layers")?;
        ours.mapping.label_dim = size(config, "c_dim")?;
        ours.synthesis.resolution = size(config, "img_resolution")?;
        // The reference counts from the resolution itself, the official TensorFlow code from half of it.
        ours.synthesis.fmap_base = size(synthesis, "channel_base")? / 2;
        ours.synthesis.fmap_max = size(synthesis, "channel_max")?;
        ours.synthesis.stylegan2 = Some(architecture(&synthesis["architecture"])?);
        ours.synthesis.upscale = resampling::<Upscale>(&synthesis["upscale"])?;
    }
    ours.mapping.hidden_dim = ours.mapping.w_dim;
    ours.synthesis.w_dim = ours.mapping.w_dim;
    Ok(ours)
}

/// This workspace's configuration of a case's discriminator.
pub fn discriminator_config(config: &Value) -> Result<DiscriminatorConfig> {
    Ok(DiscriminatorConfig {
        resolution: size(config, "img_resolution")?,
        label_dim: size(config, "c_dim")?,
        fmap_base: size(config, "channel_base")? / 2,
        fmap_max: size(config, "channel_max")?,
        downscale: resampling::<Downscale>(&config["downscale"])?,
        mbstd_group_size: size(&config["epilogue_kwargs"], "mbstd_group_size")?,
        structure: Structure::Fixed,
        stylegan2: Some(architecture(&config["architecture"])?),
        ..DiscriminatorConfig::default()
    })
}

/// Runs a generator's case.
pub fn generator(case: &Case, report: &mut Report) -> Result<()> {
    let config = generator_config(&case.config)?;
    let rename = |name: &str| names::stylegan2(name, &case.config);
    let mut renamed = BTreeMap::new();
    for (name, tensor) in case.parameters() {
        let name = rename(&name)?;
        let tensor = names::stylegan2_shape(&name, &tensor)?;
        renamed.insert(name, tensor);
    }
    let zeros = Tensor::zeros(config.mapping.w_dim, candle_core::DType::F32, &case.device)?;
    renamed.entry("w_avg".to_owned()).or_insert(zeros);
    let parameters = Named::new(renamed)?;
    let generator = Generator::new(&config, parameters.builder())?;
    let styles = |name: &str| -> Result<Tensor> {
        Ok(generator.broadcast(&generator.map(&case.input(name)?, None)?)?)
    };
    let ws = styles("z")?;
    let draw = |ws: &Tensor, noise: Noise| generator.synthesize(ws, 0.0, &noise);
    let gradient = |report: &mut Report, name: &str, store: &GradStore, expected: &Tensor| {
        let (_, parameter) = name.split_once('/').context("a gradient without a name")?;
        let var = parameters.get(&rename(parameter)?)?;
        let got = store.get(var).with_context(|| format!("{parameter}: no gradient"))?;
        report.gradient(name, &got.reshape(expected.dims())?, expected);
        anyhow::Ok(())
    };
    let (mut image_store, mut path) = (None, None);
    for (name, expected) in &case.outputs {
        let head = name.split_once('/').map_or(name.as_str(), |(head, _)| head);
        match head {
            "w" => report.output(name, &ws.narrow(1, 0, 1)?.squeeze(1)?, expected),
            "image" => report.output(name, &draw(&ws, Noise::Const)?, expected),
            "image.no_noise" => report.output(name, &draw(&ws, Noise::None)?, expected),
            "wp.psi=0.7.cutoff=4" => {
                report.output(name, &generator.truncate(&ws, 0.7, Some(4))?, expected);
            }
            "image.psi=0.7.cutoff=4" => {
                let ws = generator.truncate(&ws, 0.7, Some(4))?;
                report.output(name, &draw(&ws, Noise::Const)?, expected);
            }
            "image.psi=0.7.around_mean_w" => {
                let mean = ws.narrow(1, 0, 1)?.squeeze(1)?.mean(0)?;
                let ws = truncate(&ws, &mean, 0.7, None)?;
                report.output(name, &draw(&ws, Noise::Const)?, expected);
            }
            "image.mix.crossover=3" => {
                let ws = mix(&ws, &styles("z2")?, 3)?;
                report.output(name, &draw(&ws, Noise::Const)?, expected);
            }
            "grad" => {
                if image_store.is_none() {
                    let image = draw(&ws, Noise::Const)?;
                    let sum = (image * case.input("cotangent")?)?.sum_all()?;
                    image_store = Some(sum.backward()?);
                }
                let store = image_store.as_ref().context("no gradients")?;
                gradient(report, name, store, expected)?;
            }
            _ if head.contains("path_length") => {
                if path.is_none() {
                    path = Some(Path::of(&generator, &ws, &case.input("pl_noise")?)?);
                }
                let path = path.as_ref().context("no path length")?;
                match head {
                    "path_length.lengths" => report.output(name, &path.lengths, expected),
                    "path_length.new_mean" => {
                        report.output(name, &path.mean.reshape(expected.dims())?, expected);
                    }
                    "loss.path_length_weight2" => {
                        report.output(name, &path.loss.reshape(expected.dims())?, expected);
                    }
                    "grad.path_length" => gradient(report, name, &path.store, expected)?,
                    _ => anyhow::bail!("unknown output {name}"),
                }
            }
            _ => anyhow::bail!("unknown output {name}"),
        }
    }
    Ok(())
}

/// Path length regularisation with the cases' numbers.
struct Path {
    lengths: Tensor,
    mean: Tensor,
    loss: Tensor,
    store: GradStore,
}

impl Path {
    fn of(generator: &Generator, ws: &Tensor, noise: &Tensor) -> Result<Self> {
        let (_, tape) = generator.synthesis().forward_with_vjp(ws, &Noise::Const)?;
        let gradient = tape.styles_gradient(&path_cotangent(noise)?)?;
        let mean = Tensor::new(0.25f32, noise.device())?;
        let found = PathLength::default().evaluate(&gradient, &mean)?;
        Ok(Self {
            lengths: path_lengths(&gradient)?,
            mean: found.mean,
            store: found.loss.backward()?,
            loss: found.loss,
        })
    }
}

/// A discriminator as the losses see it.
struct Judge<'a>(&'a Discriminator);

impl Critic for Judge<'_> {
    fn judge(&self, x: &Tensor, _: Origin) -> candle_core::Result<Judgement> {
        Ok(self.0.forward(x, 0.0, None)?.score.into())
    }

    fn judge_with_gradient(
        &self,
        x: &Tensor,
        _: Origin,
    ) -> candle_core::Result<(Judgement, Tensor)> {
        let (scores, tape) = self.0.forward_with_vjp(x, 0.0, None)?;
        let gradient = tape.input_gradient(&scores.score.ones_like()?)?;
        Ok((scores.score.into(), gradient))
    }
}

/// Runs a discriminator's case.
pub fn discriminator(case: &Case, report: &mut Report) -> Result<()> {
    let config = &case.config;
    let ours = discriminator_config(config)?;
    let rename = |name: &str| names::stylegan2(name, config);
    let renamed = case.parameters().into_iter().map(|(name, t)| Ok((rename(&name)?, t)));
    let parameters = Named::new(renamed.collect::<Result<Vec<_>>>()?)?;
    let network = Discriminator::new(&ours, parameters.builder())?;
    let image = case.input("image")?;
    let score = Judge(&network).judge(&image, Origin::Real)?.scores;
    report.output("score", &score.unsqueeze(1)?, case.output("score")?);
    let (judgement, gradient) = Judge(&network).judge_with_gradient(&image, Origin::Real)?;
    let score = judgement.scores;
    report.gradient("r1.input_grad", &gradient, case.output("r1.input_grad")?);
    let squares = squared_norms(&gradient)?;
    let expected = case.output("r1.per_sample")?;
    report.gradient("r1.per_sample", &squares, expected);
    let loss = (softplus(&score.neg()?)? + squares.affine(5.0, 0.0)?)?.mean_all()?;
    let expected = case.output("loss.D_real_r1_gamma10")?;
    report.output("loss", &loss.reshape(expected.dims())?, expected);
    let store = loss.backward()?;
    for (name, expected) in case.outputs_with_prefix("grad/") {
        let var = parameters.get(&rename(name)?)?;
        let got = store.get(var).with_context(|| format!("{name} has no gradient"))?;
        report.gradient(name, got, expected);
    }
    Ok(())
}
