//! Feature networks, perceptual distances and the figures made of features.

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor, Var};
use stylegan_features::{Backbone, FaceAttributes, Inception, Lpips, Sampling, Weights};
use stylegan_metrics::{
    Divisor, Features, Gaussian, Silent, frechet_distance, kernel_distance, precision_recall,
};
use stylegan_testkit::golden::Case;

use crate::report::Report;

/// LPIPS on one of its networks, and its gradient where the case has one.
pub fn lpips(case: &Case, report: &mut Report) -> Result<()> {
    let backbone = match case.config["net"].as_str() {
        Some("vgg") => Backbone::Vgg16,
        Some("alex") => Backbone::AlexNet,
        Some("squeeze") => Backbone::SqueezeNet,
        net => bail!("unknown network {net:?}"),
    };
    let lpips = Lpips::new(backbone, &Weights::from_tensors("the case", case.parameters()))?;
    let a = Var::from_tensor(&case.input("a")?)?;
    let distance = lpips.distance(&a, &case.input("b")?)?;
    report.output("distance", &distance, case.output("distance")?);
    if let Some(expected) = case.outputs.get("grad.a") {
        let gradients = distance.sum_all()?.backward()?;
        let gradient = gradients.get(&a).context("no gradient of the image")?;
        report.gradient("grad.a", gradient, expected);
    }
    Ok(())
}

/// The features of FID's Inception network.
pub fn inception(case: &Case, report: &mut Report) -> Result<()> {
    let weights = Weights::from_tensors("the case", case.parameters());
    let inception = Inception::new(&weights, Sampling::Centres)?;
    let features = inception.features(&case.input("image")?)?;
    report.output("pool3", &features, case.output("pool3")?);
    Ok(())
}

/// The network of the bundled faces with the weights that it has: against the same weights, and against those that were trained, before batch normalisation was folded
/// into them and they were rounded to float16.
pub fn faces(case: &Case, report: &mut Report) -> Result<()> {
    let weights = FaceAttributes::bundled()?.to_device(&case.device)?;
    let network = FaceAttributes::new(&weights)?;
    for size in ["", ".64"] {
        let features = network.features(case.output(&format!("images{size}"))?)?;
        for (what, got) in [("logits", network.logits(&features)?), ("features", features)] {
            let name = format!("{what}{size}");
            report.output(&name, &got, case.output(&name)?);
            let name = format!("original.{name}");
            report.rounded_weights(&name, &got, case.output(&name)?);
        }
    }
    Ok(())
}

/// FID, KID, precision and recall of given features.
pub fn figures(case: &Case, report: &mut Report) -> Result<()> {
    let features =
        |name: &str| -> Result<Features> { Ok(Features::from_tensor(case.output(name)?)?) };
    let (a, b) = (features("features_a")?, features("features_b")?);
    let gaussian = |features: &Features| Gaussian::of(features, Divisor::Unbiased);
    let fid = frechet_distance(&gaussian(&a)?, &gaussian(&b)?)?.value();
    let kid = kernel_distance(&a, &b)?;
    let both = precision_recall(&a, &b, 3, 0, &Silent)?;
    let tensor = |values: &[f64]| Tensor::new(values, &Device::Cpu)?.to_dtype(DType::F32);
    report.output("fid", &tensor(&[fid])?, case.output("fid")?);
    report.output("kid", &tensor(&[kid])?, case.output("kid_unbiased_full_sets")?);
    let expected = case.output("precision_recall_k3.real=a.fake=b")?;
    report.output("precision, recall", &tensor(&[both.precision, both.recall])?, expected);
    Ok(())
}
