//! Labels: AC-GAN's loss, with and without a generator that is told them.

use candle_core::{Device, Tensor};
use stylegan::LabelHead;
use stylegan_losses::ClassLoss;
use stylegan_testkit::synthetic;
use stylegan_trainer::config::TrainConfig;
use stylegan_trainer::{Draws, Half, Networks, StepPosition, StepSettings};

use crate::small;

const LABELS: [[f32; 3]; 4] = [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 1.0], [1.0, 1.0, 1.0]];
const AT: StepPosition = StepPosition { step: 0, part: 0, lod: 0.0 };

/// Losses of both networks' steps with a weight of the class loss, and the class losses that a look at the networks finds:
/// of real images, of the discriminator's step's generated ones, of the generator's.
struct Found {
    steps: [f64; 2],
    classes: [f64; 3],
}

fn configuration(told: bool) -> TrainConfig {
    let mut config = small::config();
    config.data.labels = true;
    config.generator.labels = told;
    config.generator.mixing_probability = 0.0;
    config.discriminator.label_head = LabelHead::AcGan;
    config.loss.class_loss = ClassLoss::Sigmoid;
    config
}

fn found(told: bool, weight: f64) -> Found {
    let mut config = configuration(told);
    config.loss.class_weight = weight;
    config.validate().unwrap();
    let (g, d) = (config.generator_config(3), config.discriminator_config(3));
    let networks = Networks::new(&g, &d, 3, &Device::Cpu).unwrap();
    let settings = StepSettings {
        generator_loss: config.loss.generator,
        discriminator_loss: config.discriminator_loss(),
        class: config.class_term(),
        r1_gamma: 1.0,
        r2_gamma: 0.0,
        mixing_probability: 0.0,
        noise: None,
        augment: Default::default(),
        seed: 0,
        loss_scale: 1.0,
    };
    let labels = Tensor::new(&LABELS, &Device::Cpu).unwrap();
    let reals = synthetic("reals", (4, 3, 16, 16), 0.0, 0.5);
    let z = synthetic("z", (4, 12), 0.0, 1.0);
    let draws = Draws::new(0, 0, Half::Discriminator, 0);
    let discriminator =
        settings.discriminator_on(&networks, &reals, &z, Some(&labels), &draws, AT).unwrap();
    let generator =
        settings.generator_on(&networks, &reals, &z, Some(&labels), &draws, AT).unwrap();

    let w = networks.generator.map(&z, told.then_some(&labels)).unwrap();
    let ws = networks.generator.broadcast(&w).unwrap();
    let fakes = networks.generator.synthesize(&ws, 0.0, &stylegan::Noise::Const).unwrap();
    let class = |images: &Tensor| {
        let guess = networks.discriminator.forward(images, 0.0, None).unwrap().label_logits;
        let loss = ClassLoss::Sigmoid.evaluate(&guess.unwrap(), &labels).unwrap();
        f64::from(loss.mean_all().unwrap().to_scalar::<f32>().unwrap())
    };
    let generated = if told { class(&fakes) } else { 0.0 };
    let classes = [class(&reals), generated, generated];
    let value = |loss: candle_core::Tensor| f64::from(loss.to_scalar::<f32>().unwrap());
    Found { steps: [value(discriminator.loss), value(generator.loss)], classes }
}

#[test]
fn both_networks_minimise_the_class_loss_of_all_images() {
    let (without, with) = (found(true, 0.0), found(true, 0.5));
    let [real, fake, generated] = with.classes;
    assert!(real > 0.5 && fake > 0.5, "{real} {fake}");
    for (step, class) in [(0, real + fake), (1, generated)] {
        let more = with.steps[step] - without.steps[step];
        assert!((more - 0.5 * class).abs() < 1e-5, "step {step}: {more} and {class}");
    }
}

#[test]
fn a_generator_that_is_not_told_labels_leaves_the_guess_to_real_images() {
    let (without, with) = (found(false, 0.0), found(false, 0.5));
    let more = with.steps[0] - without.steps[0];
    assert!((more - 0.5 * with.classes[0]).abs() < 1e-5, "{more} and {}", with.classes[0]);
    assert_eq!(with.steps[1], without.steps[1]);
}

#[test]
fn runs_with_an_ac_gan_head_reach_their_end() {
    for told in [true, false] {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(small::train(&configuration(told), root.path()).images, 160, "{told}");
    }
}

#[test]
fn classes_are_not_taken_for_attributes() {
    let root = tempfile::tempdir().unwrap();
    let mut config = configuration(true);
    config.loss.class_loss = ClassLoss::Softmax;
    let error = small::prepare(&config, root.path()).err().unwrap().to_string();
    assert!(error.contains("sigmoid"), "{error}");
}
