//! pixel2style2pixel: codes and gradients of the encoder, embeddings of the identity network; Ranger's steps.

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};
use serde_json::Value;
use stylegan::Parameters;
use stylegan_psp::{
    BackboneConfig, Depth, Encoder, EncoderConfig, EncoderKind, Identity, IdentityConfig, Mode,
    face_crop,
};
use stylegan_testkit::golden::Case;
use stylegan_trainer::Gradients;
use stylegan_trainer::optimizer::{Ranger, RangerConfig};

use crate::generator::size;
use crate::names::Named;
use crate::report::Report;

fn backbone(config: &Value) -> Result<BackboneConfig> {
    let depth = match size(config, "num_layers")? {
        50 => Depth::D50,
        100 => Depth::D100,
        152 => Depth::D152,
        other => anyhow::bail!("unknown depth {other}"),
    };
    let squeeze_excitation = match config["mode"].as_str() {
        Some("ir_se") => true,
        Some("ir") => false,
        other => anyhow::bail!("unknown mode {other:?}"),
    };
    Ok(BackboneConfig { depth, squeeze_excitation, base_width: size(config, "base_width")? })
}

/// Runs an encoder's case.
pub fn encoder(case: &Case, report: &mut Report) -> Result<()> {
    let expected = case.output("codes")?;
    let (_, styles, w_dim) = expected.dims3()?;
    let config = EncoderConfig {
        kind: EncoderKind::GradualStyle,
        backbone: backbone(&case.config)?,
        input_channels: size(&case.config, "input_nc")?,
        input_size: size(&case.config, "input_size")?,
        styles,
        w_dim,
        start_from_average: false,
    };
    let parameters = Named::new(case.parameters())?;
    let encoder = Encoder::new(&config, parameters.builder())?;
    let codes = encoder.forward(&case.input("image")?, Mode::Evaluation)?;
    report.output("codes", &codes, expected);
    let store = (codes * case.input("cotangent")?)?.sum_all()?.backward()?;
    for (name, expected) in case.outputs_with_prefix("grad/") {
        let got =
            store.get(parameters.get(name)?).with_context(|| format!("{name}: no gradient"))?;
        report.gradient(name, &got.reshape(expected.dims())?, expected);
    }
    Ok(())
}

/// Runs an identity network's case.
pub fn identity(case: &Case, report: &mut Report) -> Result<()> {
    let config = IdentityConfig {
        backbone: backbone(&case.config)?,
        embedding: size(&case.config, "embedding")?,
        ..IdentityConfig::default()
    };
    let parameters = Named::new(case.parameters())?;
    let network = Identity::new(&config, parameters.builder())?;
    let images = case.input("image")?;
    report.output("face_pool", &face_crop(&images, config.input_size)?, case.output("face_pool")?);
    let embedding = network.of_images(&images)?;
    report.output("embedding", &embedding, case.output("embedding")?);
    let cosine = (embedding.get(0)? * embedding.get(1)?)?.sum_all()?.reshape(1)?;
    report.output("cosine", &cosine, case.output("cosine")?);
    Ok(())
}

/// Runs the optimizer's case.
pub fn ranger(case: &Case, report: &mut Report) -> Result<()> {
    let config = &case.config;
    let number = |key: &str| config[key].as_f64().with_context(|| format!("no number {key}"));
    let betas = config["betas"].as_array().context("no betas")?;
    let beta = |i: usize| betas.get(i).and_then(Value::as_f64).context("no beta");
    let mut ranger = Ranger::new(RangerConfig {
        beta1: beta(0)?,
        beta2: beta(1)?,
        epsilon: number("eps")?,
        lookahead_alpha: number("alpha")?,
        lookahead_steps: number("k")? as u64,
        variance_threshold: number("N_sma_threshhold")?,
        ..RangerConfig::default()
    });
    let start = ["w", "b"].map(|name| Ok((name.to_owned(), case.input(name)?)));
    let parameters =
        Parameters::from_tensors(&start.into_iter().collect::<Result<_>>()?, &case.device)?;
    let vars = ["w", "b"].map(|name| parameters.get(name));
    let [Some(w), Some(b)] = vars else { anyhow::bail!("a parameter is missing") };
    let (target_w, target_b) = (case.input("target_w")?, case.input("target_b")?);
    let mut loss = Tensor::zeros((), DType::F32, &case.device)?;
    for _ in 0..number("steps")? as usize {
        let (w, b) = (w.as_tensor(), b.as_tensor());
        let of_w = (w - &target_w)?.sqr()?.sqr()?.mean_all()?;
        let of_b = (b - &target_b)?.sqr()?.mean_all()?;
        let product = (w.sum_all()? * b.sum_all()?)?;
        loss = ((of_w + of_b)? + (product * 0.001)?)?;
        let gradients = Gradients::of(&parameters, loss.backward()?);
        ranger.step(&parameters, &gradients, number("lr")?)?;
    }
    report.output("loss.last", &loss.reshape(1)?, case.output("loss.last")?);
    for (name, expected) in case.outputs_with_prefix("after/") {
        let got = parameters.get(name).with_context(|| format!("no {name}"))?;
        report.output(name, &got.as_detached_tensor(), expected);
    }
    Ok(())
}
