//! The schedule of progressive growing: a table, to the last digit.

use anyhow::{Context, Result};
use serde::Deserialize;
use stylegan_progressive::{Schedule, ScheduleConfig};
use stylegan_testkit::golden::Case;

use crate::report::Report;

#[derive(Deserialize)]
struct Table {
    resolution: usize,
    initial_resolution: usize,
    training_kimg: f64,
    transition_kimg: f64,
    lrate: std::collections::BTreeMap<String, f64>,
    minibatch_base: usize,
    minibatch_dict: std::collections::BTreeMap<String, usize>,
    rows: Vec<(f64, f64, usize, usize, f64)>,
}

/// Runs a case.
pub fn run(case: &Case, report: &mut Report) -> Result<()> {
    let tables = case.document["cases"].as_array().context("no tables")?;
    for table in tables {
        let table = Table::deserialize(table)?;
        let by_resolution = |key: &String| key.parse::<usize>();
        let mut config = ScheduleConfig {
            resolution: table.resolution,
            initial_resolution: table.initial_resolution,
            training_kimg: table.training_kimg,
            transition_kimg: table.transition_kimg,
            minibatch: table.minibatch_base,
            ..ScheduleConfig::default()
        };
        let mut rates = Vec::new();
        for (key, &rate) in &table.lrate {
            match key.as_str() {
                "default" => config.learning_rate = rate,
                _ => rates.push((by_resolution(key)?, rate)),
            }
        }
        config.learning_rate_at = rates.into_iter().collect();
        config.minibatch_at = table
            .minibatch_dict
            .iter()
            .map(|(key, &size)| Ok((by_resolution(key)?, size)))
            .collect::<Result<_>>()?;
        let schedule = Schedule::new(config)?;
        for (kimg, lod, resolution, minibatch, rate) in table.rows {
            let state = schedule.at((kimg * 1000.0).round() as u64);
            let name = format!("{} pixels at {kimg} kimg", table.resolution);
            report.check(&format!("lod, {name}"), (state.lod - lod).abs() < 1e-9);
            report.check(&format!("resolution, {name}"), state.resolution == resolution);
            report.check(&format!("minibatch, {name}"), state.minibatch == minibatch);
            report.check(&format!("learning rate, {name}"), state.learning_rate == rate);
        }
    }
    Ok(())
}
