//! The official schedule's table, and properties that hold for every schedule.

use std::path::Path;

use proptest::prelude::*;
use serde::Deserialize;
use stylegan_progressive::{ByResolution, Schedule, ScheduleConfig};

#[derive(Deserialize)]
struct Table {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    resolution: usize,
    gpus: usize,
    minibatch_base: usize,
    minibatch_dict: ByResolution<usize>,
    rows: Vec<(u64, f64, usize, usize, f64)>,
}

#[test]
fn reproduces_the_official_table() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/schedule_official.json");
    let table: Table = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(!table.cases.is_empty());
    for case in table.cases {
        let config = ScheduleConfig::stylegan(case.resolution, case.gpus).unwrap();
        assert_eq!(config.minibatch, case.minibatch_base);
        assert_eq!(config.minibatch_at, case.minibatch_dict);
        let schedule = Schedule::new(config).unwrap();
        assert!(!case.rows.is_empty());
        for (kimg, lod, resolution, minibatch, rate) in case.rows {
            let state = schedule.at(kimg * 1000);
            assert_eq!(
                (state.lod, state.resolution, state.minibatch, state.learning_rate),
                (lod, resolution, minibatch, rate),
                "at {kimg} kimg of {}",
                case.resolution
            );
        }
    }
}

prop_compose! {
    fn schedules()(
        initial in 0_u32..5,
        growths in 0_u32..6,
        training in prop_oneof![Just(0.0), 0.01..700.0_f64],
        transition in prop_oneof![Just(0.1), 0.01..700.0_f64],
    ) -> Schedule {
        schedule(ScheduleConfig {
            resolution: 4 << (initial + growths),
            initial_resolution: 4 << initial,
            training_kimg: training,
            transition_kimg: transition,
            ..ScheduleConfig::default()
        })
    }
}

#[cfg(test)]
fn schedule(config: ScheduleConfig) -> Schedule {
    Schedule::new(config).unwrap()
}

proptest! {
    #[test]
    fn lod_never_rises_and_the_fade_is_continuous(schedule in schedules(), start in 0.0..1.2_f64) {
        let images = (start * schedule.growing_kimg() * 1000.0) as u64;
        // One image moves the fade by this much at most, whether a block enters or stays.
        let slope = 1.0 / (schedule.config().transition_kimg * 1000.0) + 1e-9;
        for images in images..images + 50 {
            let (before, after) = (schedule.at(images), schedule.at(images + 1));
            prop_assert!(after.lod <= before.lod);
            prop_assert!(before.lod - after.lod <= slope);
            prop_assert!(after.alpha() > 0.0 && after.alpha() <= 1.0);
            prop_assert!(after.resolution >= before.resolution);
        }
    }

    #[test]
    fn resolutions_are_blocks_and_contain_the_lod(schedule in schedules(), at in 0.0..1.2_f64) {
        let state = schedule.at((at * schedule.growing_kimg() * 1000.0) as u64);
        let full = schedule.config().resolution;
        prop_assert!(state.resolution.is_power_of_two());
        prop_assert_eq!(state.resolution, 4 << state.level);
        prop_assert_eq!(full >> state.lod.floor() as u32, state.resolution);
        prop_assert!(state.resolution >= schedule.config().initial_resolution);
        prop_assert!(state.resolution <= full);
    }

    #[test]
    fn ends_at_full_resolution(schedule in schedules(), beyond in 0_u64..10_000_000) {
        let end = (schedule.growing_kimg() * 1000.0).ceil() as u64;
        let state = schedule.at(end + 1 + beyond);
        prop_assert_eq!(state.lod, 0.0);
        prop_assert_eq!(state.resolution, schedule.config().resolution);
    }

    #[test]
    fn survives_serialisation(schedule in schedules()) {
        let text = serde_json::to_string(schedule.config()).unwrap();
        prop_assert_eq!(&serde_json::from_str::<ScheduleConfig>(&text).unwrap(), schedule.config());
    }
}
