//! An identity network without a file: taught on the images themselves, which are all that is known.

use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::{Device, Result, Tensor};
use stylegan::Parameters;
use stylegan_ops::in_pool;
use stylegan_ops::random::Stream;
use stylegan_psp::{
    Axis, BackboneConfig, BatchRecord, Depth, Identity, IdentityConfig, Mode, Resampler,
};

use crate::gradients::Gradients;
use crate::optimizer::{Adam, AdamConfig, StepOutcome};

/// The stream of random numbers that views are drawn from.
const VIEWS: u32 = 0x5201;

/// How sharply the other view of an image is told from other images (He et al. 2020, section 3.1: 0.2 in MoCo v2).
const TEMPERATURE: f64 = 0.2;

const LEARNING_RATE: f64 = 1e-3;

/// The network that is taught: shallow and narrow, for faces of up to 112 pixels.
pub(super) fn config(image_size: usize) -> IdentityConfig {
    IdentityConfig {
        backbone: BackboneConfig { depth: Depth::D18, base_width: 16, squeeze_excitation: true },
        embedding: 64,
        input_size: (image_size.min(112) / 16 * 16).max(16),
    }
}

/// Teaches a network that two views of an image (shifted, enlarged, lit differently) are nearer to each other than to any other image of the batch
/// (van den Oord et al. 2018, equation 4). `batch` gives what the network sees of the images of a step, `[N, 3, S, S]`; `report` gets the step and the loss.
/// Returns before the end, with `None`, when `stop` is set.
pub(super) fn teach(
    config: &IdentityConfig,
    steps: u64,
    seed: u64,
    device: &Device,
    mut batch: impl FnMut(u64) -> std::result::Result<Tensor, super::PspTrainError>,
    mut report: impl FnMut(u64, f64),
    stop: &AtomicBool,
) -> std::result::Result<Option<Parameters>, super::PspTrainError> {
    let parameters = Parameters::new(seed, candle_core::DType::F32, device);
    let network = Identity::new(config, parameters.builder())?;
    let adam = AdamConfig { beta1: 0.9, beta2: 0.999, ..AdamConfig::default() };
    let mut adam = Adam::new(adam);
    for step in 0..steps {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let images = batch(step)?;
        let (loss, gradients, record) =
            in_pool(|| contrast(&network, &parameters, &images, seed, step))?;
        if adam.step(&parameters, &gradients, LEARNING_RATE)? == StepOutcome::Updated {
            record.apply(&parameters)?;
        }
        report(step + 1, loss);
    }
    Ok(Some(parameters))
}

fn contrast(
    network: &Identity,
    parameters: &Parameters,
    images: &Tensor,
    seed: u64,
    step: u64,
) -> Result<(f64, Gradients, BatchRecord)> {
    let n = images.dim(0)?;
    let views = [0, 1].map(|which| views(images, &Stream::new(seed, 2 * step + which, VIEWS)));
    let [first, second] = views;
    let record = BatchRecord::default();
    let both = network.embed(&Tensor::cat(&[first?, second?], 0)?, Mode::Training(&record))?;
    let (first, second) = (both.narrow(0, 0, n)?, both.narrow(0, n, n)?);
    let likeness = first.contiguous()?.matmul(&second.t()?.contiguous()?)?;
    let logits = likeness.affine(1.0 / TEMPERATURE, 0.0)?;
    let targets = Tensor::arange(0u32, n as u32, images.device())?;
    let loss = candle_nn::loss::cross_entropy(&logits, &targets)?;
    let value = f64::from(loss.to_scalar::<f32>()?);
    Ok((value, Gradients::of(parameters, loss.backward()?), record))
}

/// A view of each image: shifted and enlarged by up to a tenth, brighter or darker, with more or less contrast.
fn views(images: &Tensor, stream: &Stream) -> Result<Tensor> {
    let (n, _, h, w) = images.dims4()?;
    let one = |i: usize| {
        let draw = |at: u64| stream.uniform_at(8 * i as u64 + at);
        let part = |side: usize, at: u64| {
            let length = side - (draw(2) * side as f64 / 10.0) as usize;
            let start = (draw(at) * (side - length + 1) as f64) as usize;
            let start = start.min(side - length);
            Axis::crop(side, start..start + length).then(&Axis::bilinear(length, side))
        };
        let image = images.narrow(0, i, 1)?.contiguous()?;
        let image = Resampler::new(part(h, 0), part(w, 1)).apply(&image)?;
        image.affine(0.8 + 0.4 * draw(3), 0.3 * (draw(4) - 0.5))
    };
    Tensor::cat(&(0..n).map(one).collect::<Result<Vec<_>>>()?, 0)
}
