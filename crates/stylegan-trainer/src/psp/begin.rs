//! How a run begins: its parts, checked against each other, and its first weights.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use stylegan::{Generator, Parameters, load_generator};
use stylegan_dataset::{Dataset, Loader, LoaderConfig};
use stylegan_psp::{Encoder, PspError, Task};

use super::optimizer::Optimizer;
use super::training::{Judge, Position, PspData, PspTraining};
use super::{PspConfig, PspTrainError, Subset};
use crate::run_dir::{RunDir, StatsFile};

/// Images above this size are judged at this size, as published.
const LARGEST_JUDGED: usize = 256;

/// Latents that an average is estimated from, where the decoder keeps none.
const LATENTS: usize = 4096;

impl PspTraining {
    /// The size at which a decoder's images are judged, and which a run's data have: the decoder's own, or 256.
    ///
    /// # Errors
    /// Images that are not square.
    pub fn image_size(decoder: &Generator) -> Result<usize, PspTrainError> {
        let (height, width) = decoder.synthesis().pyramid().full_size();
        if height != width {
            return Err(PspTrainError::NotSquare { height, width });
        }
        Ok(height.min(LARGEST_JUDGED))
    }

    /// Prepares a run in `run`: begins it with the decoder that the configuration names, or resumes it from its newest whole snapshot. The
    /// `judge` is the distance of `loss.lpips` and `loss.lpips_crop`.
    ///
    /// # Errors
    /// A configuration, decoder or data set that do not fit, and files that cannot be read or written.
    pub fn new(
        config: PspConfig,
        data: PspData,
        judge: Option<Judge>,
        run: RunDir,
        device: &Device,
    ) -> Result<Self, PspTrainError> {
        config.validate()?;
        let original =
            load_generator(Path::new(&config.networks.decoder), device).map_err(Box::new)?;
        config.encoder.fits(original.num_layers(), original.config().mapping.w_dim)?;
        let image_size = Self::image_size(&original)?;
        check_images(data.images.as_ref(), &original, image_size)?;
        if let Some(maps) = data.maps.as_ref().filter(|maps| maps.len() != data.images.len()) {
            let reason = format!("{} maps, {} images", maps.len(), data.images.len());
            return Err(PspTrainError::Maps { maps: maps.describe().to_owned(), reason });
        }
        let decoder_parameters = parameters_of(Path::new(&config.networks.decoder), device)?;
        let vb = if config.train_decoder {
            decoder_parameters.builder()
        } else {
            decoder_parameters.frozen_builder()
        };
        let labels = original.labels().clone();
        let decoder = Generator::new(original.config(), vb)?.with_labels(labels);
        let encoder_parameters = Parameters::new(config.seed, DType::F32, device);
        let encoder = Encoder::new(&config.encoder, encoder_parameters.builder())?;
        let mut notes = data.images.warnings();
        match &judge {
            Some(judge) if config.loss.needs_distance() => {
                notes.push(format!("perceptual distance: {}", judge.name));
            }
            None if config.loss.needs_distance() => {
                let reason =
                    "lpips or lpips_crop has a weight, but there is no perceptual distance";
                return Err(PspError::Losses { reason: reason.to_owned() }.into());
            }
            _ => {}
        }
        let images = data.images;
        let held_out = config.held_out.min(images.len() / 10);
        let first_held_out = images.len() - held_out;
        let trained_on = Subset::new(images.clone(), 0..first_held_out);
        let position =
            Position { step: 0, skipped_in_a_row: 0, seconds: 0.0, dataset: images.fingerprint() };
        let loader_config = LoaderConfig {
            seed: config.seed,
            // Frontalisation draws for itself; elsewhere faces have no left and right.
            mirror: config.task != Task::Frontalisation,
            ..LoaderConfig::default()
        };
        let held_out = Subset::new(images, first_held_out..usize::MAX);
        let mut training = Self {
            encoder,
            encoder_parameters,
            decoder,
            decoder_parameters,
            encoder_optimizer: Optimizer::new(config.optimizer),
            decoder_optimizer: Optimizer::new(config.optimizer),
            position,
            stats: StatsFile::open(&run.file("stats.jsonl"), 0)?,
            run,
            device: device.clone(),
            judge,
            identity: None,
            loader: Loader::new(Arc::new(trained_on), loader_config)?,
            held_out,
            first_held_out,
            maps: data.maps,
            image_size,
            resumed_from: None,
            notes,
            config,
        };
        if training.run.is_begun() {
            training.resume()?;
        }
        if training.resumed_from.is_none() {
            training.begin_weights()?;
        }
        let config = training.config.to_toml()?;
        training.run.write_config(&config)?;
        training.stats = StatsFile::open(&training.run.file("stats.jsonl"), training.images())?;
        training.loader.seek(training.images());
        Ok(training)
    }

    /// The average latent, and a backbone from elsewhere.
    fn begin_weights(&mut self) -> Result<(), PspTrainError> {
        if let Some(average) = self.encoder_parameters.get("latent_avg") {
            let w = average_latent(&self.decoder, self.config.seed)?;
            average.set(&w.unsqueeze(0)?.repeat((self.config.encoder.styles, 1))?)?;
        }
        if self.config.networks.backbone.is_empty() {
            self.notes.push("no pretrained backbone: the encoder begins from nothing".into());
            return Ok(());
        }
        let path = Path::new(&self.config.networks.backbone);
        let checkpoint = stylegan_checkpoint::load_on(path, &self.device)?;
        let (mut taken, mut fresh) = (0, 0);
        for (name, var) in self.encoder_parameters.all() {
            if !name.starts_with("input_layer.") && !name.starts_with("body.") {
                continue;
            }
            match checkpoint.tensors.get(&name).filter(|tensor| tensor.shape() == var.shape()) {
                Some(tensor) => {
                    var.set(&tensor.to_dtype(var.dtype())?)?;
                    taken += 1;
                }
                None => fresh += 1,
            }
        }
        if taken == 0 {
            return Err(PspTrainError::NotA {
                path: path.to_owned(),
                what: "backbone",
                reason: "it shares no tensor with the encoder's".into(),
            });
        }
        self.notes.push(format!(
            "{taken} tensors of the backbone from {}, {fresh} begin from nothing",
            path.display()
        ));
        Ok(())
    }
}

fn check_images(
    dataset: &dyn Dataset,
    decoder: &Generator,
    size: usize,
) -> Result<(), PspTrainError> {
    let channels = decoder.config().synthesis.channels;
    let found = (dataset.resolution(), dataset.channels());
    if found == ((size, size), channels) {
        return Ok(());
    }
    let ((h, w), c) = found;
    Err(PspTrainError::Images {
        found: format!("{h}x{w} with {c} channels"),
        expected: format!("{size}x{size} with {channels} channels"),
    })
}

/// The tensors of a file as parameters.
fn parameters_of(path: &Path, device: &Device) -> Result<Parameters, PspTrainError> {
    Ok(Parameters::from_tensors(&stylegan_checkpoint::load_on(path, device)?.tensors, device)?)
}

/// The average of w `[w_dim]` that the decoder keeps, or an estimate where it keeps none.
fn average_latent(decoder: &Generator, seed: u64) -> Result<Tensor, PspTrainError> {
    let kept = decoder.w_avg().detach();
    let mapping = &decoder.config().mapping;
    let is_kept = kept.abs()?.sum_all()?.to_dtype(DType::F32)?.to_scalar::<f32>()? > 0.0;
    if is_kept || mapping.label_dim > 0 {
        return Ok(kept);
    }
    let stream = stylegan_ops::random::Stream::new(seed, 0, 0x5301);
    let z = stream.normal((LATENTS, mapping.z_dim), kept.device())?;
    Ok(decoder.map(&z, None)?.mean(0)?.detach())
}
