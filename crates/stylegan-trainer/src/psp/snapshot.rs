//! Snapshots of a run, and the identity network that it goes with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use candle_core::Tensor;
use stylegan_checkpoint::{Snapshot, load_on, save};
use stylegan_psp::{Encoder, face_crop, whole_image};

use super::model::{Description, identity_metadata, metadata, take_prefix};
use super::training::{Position, PspTraining};
use super::{
    DECODER_PREFIX, ENCODER_PREFIX, PspEvent, PspObserver, PspTrainError, load_identity,
    self_taught,
};
use crate::RunError;

/// The encoder and its decoder.
const MODEL: &str = "psp.safetensors";

/// The optimizers' state, with the same prefixes.
const OPTIMIZER: &str = "optimizer.safetensors";

/// The identity network that the run has taught, beside its configuration.
const IDENTITY: &str = "identity.safetensors";

/// Images a step of teaching.
const TEACHING_BATCH: usize = 32;

impl PspTraining {
    /// Writes a snapshot, then removes those that are no longer kept.
    pub(super) fn write_snapshot(&mut self) -> Result<PathBuf, PspTrainError> {
        let description = Description {
            task: self.config.task,
            encoder: self.config.encoder.clone(),
            decoder: self.decoder.config().clone(),
        };
        let metadata = metadata(&description, self.decoder.labels())?;
        let model = both(&self.encoder_parameters.tensors(), &self.decoder_parameters.tensors());
        let state = both(&self.encoder_optimizer.state()?, &self.decoder_optimizer.state()?);
        let snapshots = self.run.snapshots();
        let path = snapshots.write(self.position.step, &self.position, |folder| {
            save(&folder.join(MODEL), named(&model), &metadata)?;
            save(&folder.join(OPTIMIZER), named(&state), &BTreeMap::new())
        })?;
        snapshots.prune(self.config.keep_snapshots, &[])?;
        Ok(path)
    }

    /// Takes up the newest whole snapshot; a run that has none yet begins anew.
    pub(super) fn resume(&mut self) -> Result<(), PspTrainError> {
        let (snapshot, skipped) = self.run.newest_snapshot()?;
        let Some(snapshot) = snapshot else { return Ok(()) };
        self.notes.extend(skipped);
        self.take_up(&snapshot)?;
        self.resumed_from = Some(self.position.step);
        Ok(())
    }

    fn take_up(&mut self, snapshot: &Snapshot) -> Result<(), PspTrainError> {
        let position: Position = snapshot.state()?;
        if position.dataset != self.position.dataset {
            return Err(RunError::OtherImages { run: self.run.path().to_owned() }.into());
        }
        let other = |name: &str| {
            let path = snapshot.file(name);
            move |source| RunError::OtherNetworks { path, source: Box::new(source) }
        };
        let mut model = load_on(&snapshot.file(MODEL), &self.device)?;
        let (encoder, decoder) =
            (take_prefix(&mut model, ENCODER_PREFIX), take_prefix(&mut model, DECODER_PREFIX));
        self.encoder_parameters.load(&encoder).map_err(other(MODEL))?;
        self.decoder_parameters.load(&decoder).map_err(other(MODEL))?;
        let mut state = load_on(&snapshot.file(OPTIMIZER), &self.device)?;
        let (encoder, decoder) =
            (take_prefix(&mut state, ENCODER_PREFIX), take_prefix(&mut state, DECODER_PREFIX));
        self.encoder_optimizer
            .load(&encoder, &self.encoder_parameters)
            .map_err(other(OPTIMIZER))?;
        self.decoder_optimizer
            .load(&decoder, &self.decoder_parameters)
            .map_err(other(OPTIMIZER))?;
        self.position = position;
        Ok(())
    }

    /// The identity network, where the losses ask for one: from its file, or taught on the images, once a run.
    pub(super) fn find_identity(
        &mut self,
        observer: &mut dyn PspObserver,
        stop: &AtomicBool,
    ) -> Result<(), PspTrainError> {
        let loss = self.config.loss;
        if (loss.identity == 0.0 && loss.moco == 0.0) || self.identity.is_some() {
            return Ok(());
        }
        let own = self.run.file(IDENTITY);
        let path = if self.config.networks.identity.is_empty() {
            if !own.is_file() && !self.teach(&own, observer, stop)? {
                return Ok(());
            }
            own
        } else {
            PathBuf::from(&self.config.networks.identity)
        };
        self.identity = Some(load_identity(&path, &self.device)?);
        Ok(())
    }

    /// Teaches an identity network and writes it; false if it was stopped.
    fn teach(
        &self,
        path: &Path,
        observer: &mut dyn PspObserver,
        stop: &AtomicBool,
    ) -> Result<bool, PspTrainError> {
        let steps = self.config.teach_steps;
        let note = format!(
            "no identity network: a small one is taught for {steps} steps to tell the images apart"
        );
        self.tell(observer, PspEvent::Note(note));
        let config = self_taught::config(self.judged_size());
        let mut last = f64::NAN;
        let taught = self_taught::teach(
            &config,
            steps,
            self.config.seed,
            &self.device,
            |step| {
                let images = self.teaching_batch(step, TEACHING_BATCH)?;
                // Features of images that are no faces are those of all of it.
                let seen = if self.config.loss.moco > 0.0 { whole_image } else { face_crop };
                Ok(seen(&images, config.input_size)?)
            },
            |step, loss| {
                last = loss;
                if step.is_multiple_of(100) && step < steps {
                    let note = format!("identity network: step {step}/{steps}, loss {loss:.3}");
                    observer.notice(&PspEvent::Note(note));
                }
            },
            stop,
        )?;
        let Some(parameters) = taught else { return Ok(false) };
        save(path, named(&parameters.tensors()), &identity_metadata(&config)?)?;
        let note = format!("identity network taught, last loss {last:.3}: {}", path.display());
        self.tell(observer, PspEvent::Note(note));
        Ok(true)
    }

    /// The encoder as it stands.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }
}

/// Both networks' tensors under their prefixes.
fn both(
    encoder: &BTreeMap<String, Tensor>,
    decoder: &BTreeMap<String, Tensor>,
) -> BTreeMap<String, Tensor> {
    let of = |prefix: &'static str, tensors: &BTreeMap<String, Tensor>| {
        let tensors = tensors.iter();
        tensors.map(|(name, t)| (format!("{prefix}{name}"), t.clone())).collect::<Vec<_>>()
    };
    of(ENCODER_PREFIX, encoder).into_iter().chain(of(DECODER_PREFIX, decoder)).collect()
}

fn named(tensors: &BTreeMap<String, Tensor>) -> impl Iterator<Item = (&str, &Tensor)> {
    tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
}
