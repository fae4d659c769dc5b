//! Two folders of pictures, pair by pair in the order of their names.

use std::path::Path;
use std::time::Instant;

use candle_core::Device;
use serde::Serialize;
use stylegan_features::Backbone;
use stylegan_metrics::{
    MetricError, MetricResult, NetworkId, Watch, batches, bootstrap, check_images, ssim,
};
use stylegan_psp::Identity;
use stylegan_trainer::psp::load_identity;

use super::agreement::Agreement;
use super::{Args, Lpips, Setting};
use crate::commands::train_psp::psp_failure;
use crate::evaluating::{Watcher, failure, publish};
use crate::failure::{Failure, OrFail};
use crate::images;
use crate::printer::Printer;
use crate::weights::ARCFACE;

/// One pair.
#[derive(Serialize)]
struct Pair {
    pair: usize,
    a: String,
    b: String,
    l2: f64,
    ssim: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lpips: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<f64>,
}

/// The pictures' names in their order.
fn names(spec: &str) -> Result<Vec<String>, Failure> {
    let source = crate::collection::open(spec, false)?;
    Ok((0..source.len()).map(|index| source.name(index)).collect())
}

/// Compares and prints: a line a pair, then the means.
pub(super) fn run(a: &str, b: &str, args: &Args, printer: Printer) -> Result<(), Failure> {
    let setting = &args.setting;
    let started = Instant::now();
    let mut first = images::pictures(a, None, None, printer)?;
    let resolution = first.resolution();
    let own = images::pictures(b, None, None, printer)?.resolution();
    if own != resolution {
        let ((h, w), (oh, ow)) = (resolution, own);
        return Err(Failure::user(format!(
            "the pictures of {a} are {h}x{w}, those of {b} {oh}x{ow}"
        ))
        .hint("`cargo xtask prepare` makes pictures of one size"));
    }
    let mut second = images::pictures(b, Some(resolution), None, printer)?;
    let (names_a, names_b) = (names(a)?, names(b)?);
    if names_a.len() != names_b.len() {
        let (count, other) = (names_a.len(), names_b.len());
        return Err(Failure::user(format!("{a} holds {count} pictures and {b} {other}"))
            .hint("pairs are made in the order of the names: both need as many"));
    }
    let (network, id) = network(args.lpips, setting)?.unzip();
    let (faces, faces_id) = identity(setting)?.unzip();
    let mut agreement = args.classifiers.as_deref().map(Agreement::open).transpose()?;
    let watcher = Watcher::new(printer)?;
    let mut pairs = Vec::new();
    for range in batches(names_a.len(), setting.batch.into()) {
        if watcher.stop() {
            let (done, total) = (range.start, names_a.len());
            return Err(failure(MetricError::Stopped { what: "pairs", done, total }));
        }
        let (x, y) = (
            check_images(&mut first, range.clone()).map_err(failure)?,
            check_images(&mut second, range.clone()).map_err(failure)?,
        );
        // Squared differences of values in [-1, 1], in the mean: what is called L2 or MSE beside LPIPS.
        let l2 = (&x - &y)?.sqr()?.flatten_from(1)?.mean(1)?.to_vec1::<f32>()?;
        let similar = ssim(&x, &y).map_err(failure)?;
        if let Some(agreement) = &mut agreement {
            agreement.add(&x, &y)?;
        }
        let perceived = match &network {
            Some(network) => Some(network.distance(&x, &y).or_user()?.to_vec1::<f32>()?),
            None => None,
        };
        // Embeddings of unit length: their product is the cosine.
        let known = match &faces {
            Some(faces) => {
                let cosines = (faces.of_images(&x)? * faces.of_images(&y)?)?.sum(1)?;
                Some(cosines.to_vec1::<f32>()?)
            }
            None => None,
        };
        for (row, pair) in range.clone().enumerate() {
            pairs.push(Pair {
                pair,
                a: names_a[pair].clone(),
                b: names_b[pair].clone(),
                l2: f64::from(l2[row]),
                ssim: similar[row],
                lpips: perceived.as_ref().map(|values| f64::from(values[row])),
                identity: known.as_ref().map(|values| f64::from(values[row])),
            });
        }
        watcher.reached("pairs", range.end, names_a.len());
    }
    for pair in &pairs {
        let Pair { pair: number, a, b, l2, ssim, lpips, identity } = pair;
        let lpips = lpips.map_or_else(String::new, |lpips| format!("  LPIPS {lpips:.5}"));
        let identity = identity.map_or_else(String::new, |same| format!("  identity {same:.5}"));
        let plain = format!("{number:>5}  L2 {l2:.6}  SSIM {ssim:.5}{lpips}{identity}  {a}  {b}");
        printer.data(&plain, pair)?;
    }
    let mut results = vec![
        mean("l2", pairs.iter().map(|pair| pair.l2), setting.seed),
        mean("ssim", pairs.iter().map(|pair| pair.ssim), setting.seed),
    ];
    if let Some(id) = id {
        let lpips = pairs.iter().filter_map(|pair| pair.lpips);
        results.push(mean("lpips", lpips, setting.seed).with_network(id));
    }
    if let Some(id) = faces_id {
        let identity = pairs.iter().filter_map(|pair| pair.identity);
        results.push(mean("identity", identity, setting.seed).with_network(id));
    }
    results.extend(agreement.map(|agreement| agreement.result(setting.seed)));
    let seconds = started.elapsed().as_secs_f64();
    results.iter_mut().for_each(|result| result.seconds = seconds);
    publish(&results, setting.out.as_deref().map(Path::new), printer)
}

fn mean(metric: &str, values: impl Iterator<Item = f64>, seed: u64) -> MetricResult {
    let values: Vec<f64> = values.collect();
    let value = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let protocol = match metric {
        "l2" => "mean squared difference, values in [-1, 1]",
        "identity" => "cosine of ArcFace embeddings of the face's part of the image",
        "ssim" => "Wang et al. 2004, window 11, colours in the mean",
        _ => "LPIPS 0.1",
    };
    MetricResult::new(metric, protocol, value, values.len(), seed)
        .with_interval(bootstrap::of_mean(&values, seed))
}

/// LPIPS, unless it was not wanted.
fn network(
    lpips: Lpips,
    setting: &Setting,
) -> Result<Option<(stylegan_features::Lpips, NetworkId)>, Failure> {
    let backbone = match lpips {
        Lpips::None => return Ok(None),
        Lpips::Alexnet => Backbone::AlexNet,
        Lpips::Vgg16 => Backbone::Vgg16,
        Lpips::Squeezenet => Backbone::SqueezeNet,
    };
    let network = setting.weights.lpips(backbone);
    network.map(Some).map_err(|failure| failure.hint("`--lpips none` compares without it"))
}

/// The identity network, if its file was named.
fn identity(setting: &Setting) -> Result<Option<(Identity, NetworkId)>, Failure> {
    let Some(path) = setting.weights.named(ARCFACE) else { return Ok(None) };
    let network = load_identity(path, &Device::Cpu).map_err(psp_failure)?;
    let checksum = stylegan_features::sha256(path).or_user()?;
    Ok(Some((network, NetworkId { name: ARCFACE.to_owned(), checksum, random: None })))
}
