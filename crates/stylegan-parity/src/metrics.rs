//! The arithmetic of metrics: linear separability from scores, path lengths from distances.

use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use stylegan_metrics::ppl::{filter, slerp};
use stylegan_metrics::separability::{
    SvmSettings, Table, Targets, linear_svm, separability_score, tables,
};
use stylegan_testkit::golden::Case;

use crate::report::Report;

/// Linear separability: the planes, their accuracies, the entropies, the score.
pub fn separability(case: &Case, report: &mut Report) -> Result<()> {
    let number = |key: &str| {
        let value = case.config[key].as_u64().with_context(|| format!("no {key}"))?;
        Ok::<_, anyhow::Error>(value as usize)
    };
    let (attributes, keep) = (number("attributes")?, number("num_keep")?);
    let x = case.output("latents")?;
    let probabilities = (0..attributes)
        .map(|attribute| {
            Ok(case.output(&format!("probabilities.{attribute}"))?.to_vec2::<f32>()?)
        })
        .collect::<Result<Vec<_>>>()?;
    // The larger probability orders samples as the difference does.
    let scores: Vec<f32> = (0..number("num_samples")?)
        .flat_map(|sample| probabilities.iter().map(move |of| of[sample][1] - of[sample][0]))
        .collect();
    let targets = Targets::most_confident(&scores, attributes, keep);
    let settings = SvmSettings { tolerance: 1e-12, ..SvmSettings::default() };
    let planes = linear_svm(x, &targets, &settings)?;
    let tables = tables(x, &planes, &targets)?;
    let vector = |values: Vec<f64>| Tensor::new(values, &Device::Cpu);
    for (index, (plane, table)) in planes.iter().zip(&tables).enumerate() {
        let expected = |what: &str| case.output(&format!("svm.{index}.{what}"));
        report.output("weight", &vector(plane.weight.clone())?, expected("weight")?);
        report.output("bias", &vector(vec![plane.bias])?, expected("bias")?);
        report.output("accuracy", &vector(vec![table.accuracy()])?, expected("accuracy")?);
    }
    // Entropies near zero: their differences count, not their ratios.
    let expected = case.output("conditional_entropies_bits")?.to_vec1::<f32>()?;
    for (table, expected) in tables.iter().zip(expected) {
        let difference = table.conditional_entropy() - f64::from(expected);
        report.check("conditional entropy", difference.abs() < 1e-6);
    }
    let score = vector(vec![separability_score(&tables)])?;
    report.output("score", &score, case.output("separability")?);
    report.check("a table that was not filled", tables.iter().all(|t| *t != Table::default()));
    Ok(())
}

/// Path lengths: spherical interpolation, and the mean without outliers.
pub fn path_length(case: &Case, report: &mut Report) -> Result<()> {
    let t: Vec<f64> = case.output("t")?.to_vec1::<f32>()?.into_iter().map(f64::from).collect();
    let points = slerp(&case.input("a")?, &case.input("b")?, &t)?;
    report.output("slerp", &points, case.output("slerp")?);
    let distances = case.output("distances")?.to_vec1::<f32>()?;
    let distances: Vec<f64> = distances.into_iter().map(f64::from).collect();
    let mean = filter(&distances).context("no distances")?.mean;
    report.output("mean", &Tensor::new(&[mean], &Device::Cpu)?, case.output("ppl")?);
    Ok(())
}
