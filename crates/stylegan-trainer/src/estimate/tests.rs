//! The published counts, and what must hold of every estimate.

use candle_core::{DType, Device};
use stylegan::{Discriminator, Generator, Parameters};

use super::*;

fn workload(settings: &[&str]) -> Workload {
    let mut config = TrainConfig::preset("faces-32").unwrap();
    for setting in settings {
        config.set(setting).unwrap();
    }
    Workload::new(&config, 0).unwrap()
}

#[test]
fn the_published_parameter_counts() {
    for (resolution, generator, discriminator) in [
        (64, 25_137_935, 22_498_049),
        (128, 25_843_858, 22_941_313),
        (256, 26_086_229, 23_052_353),
        (512, 26_179_768, 23_080_225),
        (1024, 26_219_627, 23_087_249),
    ] {
        let mut config = TrainConfig::preset("f").unwrap();
        config.network.resolution = resolution;
        let workload = Workload::new(&config, 0).unwrap();
        assert_eq!(workload.shapes.parameters(), (generator, discriminator), "{resolution}");
    }
    let second = Workload::new(&TrainConfig::preset("config-f").unwrap(), 0).unwrap();
    assert_eq!(second.shapes.parameters(), (30_370_060, 29_012_513));
    let a = Workload::new(&TrainConfig::preset("a").unwrap(), 0).unwrap();
    assert_eq!(a.shapes.parameters().0, 23_079_115);
}

#[test]
fn counts_are_those_of_the_networks() {
    for (preset, label_dim) in
        [("faces-32-a", 3), ("faces-32-c", 3), ("faces-32-f", 0), ("faces-32-sg2", 3)]
    {
        let mut config = TrainConfig::preset(preset).unwrap();
        config.network.base = [4, 6];
        config.network.channels = 4;
        let count = |build: &dyn Fn(&Parameters)| {
            let parameters = Parameters::new(0, DType::F32, &Device::Cpu);
            build(&parameters);
            parameters.count()
        };
        let generator = config.generator_config(label_dim);
        let discriminator = config.discriminator_config(label_dim);
        if let Err(error) = generator.mapping.validate() {
            // Without layers, a label does not fit into w.
            assert_eq!(preset, "faces-32-a", "{error}");
            continue;
        }
        let found = (
            count(&|p| drop(Generator::new(&generator, p.builder()).unwrap())),
            count(&|p| drop(Discriminator::new(&discriminator, p.builder()).unwrap())),
        );
        let workload = Workload::new(&config, label_dim).unwrap();
        assert_eq!(workload.shapes.parameters(), found, "{preset}");
    }
}

#[test]
fn one_convolution_by_hand() {
    // 4x4: one convolution of 64 maps in G; mbstd's 65 maps, and 16 * 64 to 64 in D.
    let shapes = workload(&["generator.mapping_layers=0", "network.fmap_max=64"]).shapes;
    let (generator, discriminator) = shapes.forward(0);
    assert_eq!(generator.operations, 2.0 * 9.0 * 64.0 * 64.0 * 16.0);
    let expected = 2.0 * 9.0 * 65.0 * 64.0 * 16.0 + 2.0 * 16.0 * 64.0 * 64.0;
    assert_eq!(discriminator.operations, expected);
}

#[test]
fn more_work_takes_more() {
    let bigger = |settings: &[&str]| {
        let whole = ["schedule.minibatch=16", "schedule.part=0", "schedule.parts_at_once=1"];
        let settings = [&whole, settings].concat();
        workload(&settings).estimate(Some(&Machine::TYPICAL))
    };
    let base = bigger(&[]);
    assert!(base.time > Some(Duration::ZERO));
    for setting in ["loss.r2_gamma=1", "network.resolution=64", "run.total_kimg=480"] {
        let more = bigger(&[setting]);
        assert!(more.operations > base.operations && more.time > base.time, "{setting}");
    }
    assert!(bigger(&["loss.penalty_interval=8"]).operations < base.operations);
    assert!(bigger(&["schedule.minibatch=32"]).activation_bytes > base.activation_bytes);
    let in_parts = bigger(&["schedule.minibatch=32", "schedule.part=16"]);
    assert_eq!(in_parts.activation_bytes, base.activation_bytes);
    let side_by_side = ["schedule.minibatch=32", "schedule.part=8", "schedule.parts_at_once=2"];
    assert_eq!(bigger(&side_by_side).activation_bytes, base.activation_bytes);
    let moments = bigger(&["optimizer.beta1=0.9"]);
    let trained = base.generator_parameters + base.discriminator_parameters;
    assert_eq!(moments.parameter_bytes - base.parameter_bytes, 4 * trained as u64);
    // The smallest block stays as it is.
    let [half, single] = ["bfloat16", "float32"].map(|dtype| {
        let setting = format!("precision.dtype={dtype}");
        bigger(&[&setting]).activation_bytes as f64
    });
    assert!((0.5..0.55).contains(&(half / single)), "{half} of {single}");
    // A run that never reaches full resolution keeps less.
    assert!(bigger(&["run.total_kimg=10"]).activation_bytes < base.activation_bytes);
}

#[test]
fn the_time_that_remains_knows_what_is_to_come() {
    let workload = workload(&["run.total_kimg=400"]);
    let total = workload.config.total_images();
    let second = Duration::from_secs(1);
    assert_eq!(workload.remaining(0, 0, second), None);
    assert_eq!(workload.remaining(0, total, second), Some(Duration::ZERO));
    // Half of the images, but the small ones.
    let left = workload.remaining(0, total / 2, second).unwrap();
    assert!(left > second, "{left:?}");
    // From the end of growth on, images are alike.
    assert!(workload.schedule.growing_kimg() <= 100.0);
    let half = total - (total - 100_000) / 2;
    let left = workload.remaining(100_000, half, second).unwrap().as_secs_f64();
    assert!((left - 1.0).abs() < 1e-9, "{left}");
}

#[test]
fn a_rank_keeps_the_activations_of_its_share() {
    let settings = ["schedule.minibatch=16", "schedule.minibatch_at={}", "schedule.part=0"];
    let whole = workload(&settings);
    let shared = Workload::new(&whole.config.of_one_rank(2), 0).unwrap();
    let half = workload(&["schedule.minibatch=8", settings[1], settings[2]]);
    assert_eq!(shared.estimate(None), half.estimate(None));
    assert!(shared.estimate(None).bytes() < whole.estimate(None).bytes());
}

#[test]
fn what_does_not_fit_names_the_parts_that_do() {
    let settings = ["network.resolution=64", "schedule.minibatch=32", "schedule.part=0"];
    let workload = workload(&settings);
    assert_eq!(workload.misfit(u64::MAX), None);
    let group = workload.config.discriminator.mbstd_group_size;
    let bytes = |part: &str| {
        let smaller = [&settings[..2], &[part, "schedule.parts_at_once=1"]].concat();
        self::workload(&smaller).misfit(0).unwrap().needed
    };
    let (whole, half) = (bytes("schedule.part=32"), bytes("schedule.part=16"));
    assert!(half < whole);
    assert_eq!(workload.misfit(whole), None);
    let misfit = workload.misfit(half).unwrap();
    assert_eq!((misfit.resolution, misfit.part, misfit.needed), (64, 32, whole));
    assert_eq!(misfit.fits, Some(16));
    // A byte less, and what fits is the next multiple of the groups.
    assert_eq!(workload.misfit(half - 1).unwrap().fits, Some(16 - group));
    assert_eq!(workload.misfit(1000).unwrap().fits, None);
}
