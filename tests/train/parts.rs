//! Batches that are computed in parts.

use candle_core::{Device, Tensor};
use stylegan_testkit::{Tolerance, assert_close, synthetic};
use stylegan_trainer::{ClassTerm, Draws, Gradients, Half, Networks, StepPosition, StepSettings};

use crate::small;

/// The accumulated gradients of two halves are those of the whole, where nothing looks across the
/// batch (no minibatch standard deviation).
#[test]
fn accumulated_gradients_are_those_of_the_whole_batch() {
    let mut config = small::config();
    config.set("discriminator.mbstd_group_size=1").unwrap();
    let networks = Networks::new(
        &config.generator_config(0),
        &config.discriminator_config(0),
        3,
        &Device::Cpu,
    )
    .unwrap();
    let settings = StepSettings {
        generator_loss: config.loss.generator,
        discriminator_loss: config.discriminator_loss(),
        class: ClassTerm::default(),
        r1_gamma: 1.0,
        r2_gamma: 0.5,
        mixing_probability: 0.0,
        noise: None,
        augment: Default::default(),
        seed: 0,
        loss_scale: 1.0,
    };
    let reals = synthetic("reals", (8, 3, 16, 16), 0.0, 0.5);
    let z = synthetic("z", (8, 12), 0.0, 1.0);
    let at = StepPosition { step: 0, part: 0, lod: 0.4 };
    let draws = Draws::new(0, 0, Half::Discriminator, 0);
    let gradients = |start: usize, size: usize| -> Gradients {
        let part = |t: &Tensor| t.narrow(0, start, size).unwrap();
        let (reals, z) = (part(&reals), part(&z));
        let step = settings.discriminator_on(&networks, &reals, &z, None, &draws, at).unwrap();
        step.gradients
    };
    let whole = gradients(0, 8);
    let mut sum = Gradients::default();
    sum.accumulate(gradients(0, 6), 0.75).unwrap();
    sum.accumulate(gradients(6, 2), 0.25).unwrap();
    let tolerance = Tolerance::new(1e-5, "the sums over the batch are taken in another order");
    for (name, gradient) in whole.iter() {
        assert_close(name, sum.get(name).unwrap(), gradient, tolerance);
    }
    assert_eq!(sum.iter().count(), whole.iter().count());
}

#[test]
fn a_run_in_parts_reaches_its_end() {
    let root = tempfile::tempdir().unwrap();
    let mut config = small::config();
    config.set("schedule.part=3").unwrap();
    assert_eq!(small::train(&config, root.path()).images, 160);
}
