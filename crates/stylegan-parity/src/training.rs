//! Whole training steps: discriminator, moving average, generator, both optimizers.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use candle_core::Tensor;
use stylegan::{Parameters, updated_average};
use stylegan_losses::{DiscriminatorLoss, GeneratorLoss};
use stylegan_ops as ops;
use stylegan_testkit::golden::Case;
use stylegan_trainer::optimizer::{Adam, AdamConfig};
use stylegan_trainer::{ClassTerm, Draws, Half, Networks, StepPosition, StepSettings, average};

use crate::names;
use crate::report::Report;
use crate::{discriminator, generator};

/// A number of a case's configuration.
pub fn number(value: &serde_json::Value, key: &str) -> Result<f64> {
    value[key].as_f64().with_context(|| format!("config.{key} is not a number"))
}

/// The golden tensors of one network under this workspace's names.
fn tensors(
    case: &Case,
    prefix: &str,
    rename: impl Fn(&str) -> Result<String>,
) -> Result<BTreeMap<String, Tensor>> {
    let all = case.parameters();
    let own = all.iter().filter_map(|(name, t)| Some((name.strip_prefix(prefix)?, t)));
    own.map(|(name, tensor)| Ok((rename(name)?, tensor.clone()))).collect()
}

/// Runs a case.
pub fn run(case: &Case, report: &mut Report) -> Result<()> {
    let config = &case.config;
    let generator_config = generator::config(&config["generator"], false)?;
    let discriminator_config = discriminator::config(&config["discriminator"], false)?;
    let resolution = discriminator_config.resolution;
    let of_discriminator = |name: &str| names::discriminator(name, resolution);
    let g_before = tensors(case, "generator.", names::generator)?;
    let d_before = tensors(case, "discriminator.", of_discriminator)?;
    let networks = Networks::from_parameters(
        &generator_config,
        &discriminator_config,
        Parameters::from_tensors(&g_before, &case.device)?,
        Parameters::from_tensors(&d_before, &case.device)?,
    )?;

    let settings = StepSettings {
        generator_loss: GeneratorLoss::NonSaturating,
        discriminator_loss: DiscriminatorLoss::Logistic,
        class: ClassTerm::default(),
        r1_gamma: number(config, "r1_gamma")?,
        r2_gamma: 0.0,
        mixing_probability: 0.0,
        noise: None,
        augment: Default::default(),
        seed: 0,
        loss_scale: 1.0,
    };
    let adam = &config["adam"];
    let adam = AdamConfig {
        beta1: number(adam, "beta1")?,
        beta2: number(adam, "beta2")?,
        epsilon: number(adam, "eps")?,
        ..AdamConfig::default()
    };
    let (mut g_adam, mut d_adam) = (Adam::new(adam), Adam::new(adam));
    let (rate, lod) = (number(config, "learning_rate")?, number(config, "lod")?);
    let (ema_beta, w_beta) = (number(config, "ema_beta")?, number(config, "w_avg_beta")?);
    let update_w_avg = |w: &Tensor| -> Result<()> {
        let w_avg = networks.generator_parameters.get("w_avg").context("no w_avg")?;
        Ok(w_avg.set(&updated_average(&w_avg.as_detached_tensor(), w, w_beta)?)?)
    };

    for step in 0..number(config, "steps")? as u64 {
        let at = StepPosition { step, part: 0, lod };
        let real = case.input(&format!("real{step}"))?;
        let coarse = ops::upsample_nearest2d(&ops::downsample_box2d(&real)?)?;
        let faded = (real.affine(1.0 - lod.fract(), 0.0)? + coarse.affine(lod.fract(), 0.0)?)?;
        let z = case.input(&format!("z_d{step}"))?;
        let draws = Draws::new(0, step, Half::Discriminator, 0);
        let d = settings.discriminator_on(&networks, &faded, &z, None, &draws, at)?;
        update_w_avg(&d.w)?;
        d_adam.step(&networks.discriminator_parameters, &d.gradients, rate)?;
        average::update(&networks.average_parameters, &networks.generator_parameters, ema_beta)?;
        let z = case.input(&format!("z_g{step}"))?;
        let draws = Draws::new(0, step, Half::Generator, 0);
        let g = settings.generator_on(&networks, &faded, &z, None, &draws, at)?;
        update_w_avg(&g.w)?;
        g_adam.step(&networks.generator_parameters, &g.gradients, rate)?;
        for (name, loss) in [("d", d.loss), ("g", g.loss)] {
            let name = format!("loss.{name}.{step}");
            let expected = case.output(&name)?;
            report.output(&name, &loss.reshape(expected.dims())?, expected);
        }
    }

    for (name, after) in case.outputs_with_prefix("after/") {
        let (network, parameter) = name.split_once('.').context("a name without a network")?;
        let (store, before, ours) = match network {
            "generator" => {
                (&networks.generator_parameters, &g_before, names::generator(parameter)?)
            }
            "ema" => (&networks.average_parameters, &g_before, names::generator(parameter)?),
            "discriminator" => {
                (&networks.discriminator_parameters, &d_before, of_discriminator(parameter)?)
            }
            _ => anyhow::bail!("unknown network {network}"),
        };
        compare_update(report, name, (store, &ours), before, after)?;
    }
    Ok(())
}

/// Compares the change of a parameter, in `store` under the name `ours`, with that from `before` to `after`.
pub fn compare_update(
    report: &mut Report,
    name: &str,
    (store, ours): (&Parameters, &str),
    before: &BTreeMap<String, Tensor>,
    after: &Tensor,
) -> Result<()> {
    let before = before.get(ours).with_context(|| format!("no {ours}"))?;
    let got = store.get(ours).with_context(|| format!("no {ours}"))?.as_tensor().sub(before)?;
    let expected = after.sub(before)?;
    let norm = |t: &Tensor| -> Result<f32> { Ok(t.sqr()?.sum_all()?.sqrt()?.to_scalar()?) };
    // An update this small is that of a gradient which is zero but for rounding.
    if norm(&expected)? < 1e-3 {
        report.check(name, norm(&(got - expected)?)? <= 1e-2);
    } else {
        report.update(name, &got, &expected);
    }
    Ok(())
}
