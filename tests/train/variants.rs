//! Every configuration of the paper and every loss trains, at a small size.

use stylegan_trainer::config::TrainConfig;
use stylegan_trainer::events::Event;

use crate::small;

fn trains(config: &TrainConfig) {
    let root = tempfile::tempdir().unwrap();
    let mut losses = Vec::new();
    let mut observer = |event: &Event| {
        if let Event::Step(progress) = event {
            losses.extend([progress.generator_loss, progress.discriminator_loss]);
            assert_eq!(progress.skipped, 0);
        }
    };
    assert_eq!(small::train_watched(config, root.path(), &mut observer).images, 160);
    assert!(losses.iter().all(|loss| loss.is_finite()));
}

#[test]
fn configurations_a_to_f() {
    for name in ["a", "b", "c", "d", "e", "f"] {
        let mut config = TrainConfig::preset(name).unwrap();
        small::shrink(&mut config);
        trains(&config);
    }
}

#[test]
fn losses_noises_and_shapes() {
    for settings in [
        vec!["loss.generator=wgan", "loss.discriminator=wgan_gp", "loss.r1_gamma=0"],
        vec!["loss.generator=hinge", "loss.discriminator=hinge", "loss.r2_gamma=1"],
        vec!["loss.generator=saturating", "loss.penalty_interval=3"],
        vec!["network.structure=fixed", "generator.training_noise=simplex"],
        vec!["network.channels=1", "network.base=[4, 6]", "data.labels=true"],
        vec!["network.channels=4", "generator.training_noise=const"],
    ] {
        let mut config = small::config();
        for setting in settings {
            config.set(setting).unwrap();
        }
        trains(&config);
    }
}
