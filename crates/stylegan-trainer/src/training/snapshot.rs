//! Snapshots: all of a run's state, written and taken up again.

use std::collections::BTreeMap;
use std::path::PathBuf;

use candle_core::Tensor;
use stylegan::{generator_metadata, labels_metadata};
use stylegan_checkpoint::{Snapshot, load_on, save};

use super::position::Position;
use super::{TrainError, Training};
use crate::RunError;

const GENERATOR: &str = "generator.safetensors";
const AVERAGE: &str = "generator-ema.safetensors";
const DISCRIMINATOR: &str = "discriminator.safetensors";
const GENERATOR_OPTIMIZER: &str = "optimizer-g.safetensors";
const DISCRIMINATOR_OPTIMIZER: &str = "optimizer-d.safetensors";

impl Training {
    /// Writes a snapshot, then removes those that are no longer kept.
    pub(super) fn write_snapshot(&mut self) -> Result<PathBuf, TrainError> {
        self.recorder.sync()?;
        let snapshots = self.run.snapshots();
        let number = self.position.images / 1000;
        let optimizer_g = self.generator_optimizer.state()?;
        let optimizer_d = self.discriminator_optimizer.state()?;
        let networks = &self.networks;
        let none = BTreeMap::new();
        let mut metadata = generator_metadata(networks.generator.config())?;
        if networks.generator.is_conditional() {
            metadata.extend([labels_metadata(&self.labels)?]);
        }
        metadata.insert("stylegan.run".to_owned(), self.config.run.name.clone());
        metadata.insert("stylegan.images".to_owned(), self.position.images.to_string());
        // What was trained last: while the networks grow, images of full detail are not.
        let lod = self.schedule.at(self.position.scheduled_at).lod;
        metadata.insert("stylegan.lod".to_owned(), lod.to_string());
        let path = snapshots.write(number, &self.position, |folder| {
            for (name, parameters, metadata) in [
                (GENERATOR, &networks.generator_parameters, &metadata),
                (AVERAGE, &networks.average_parameters, &metadata),
                (DISCRIMINATOR, &networks.discriminator_parameters, &none),
            ] {
                save(&folder.join(name), named(&parameters.tensors()), metadata)?;
            }
            save(&folder.join(GENERATOR_OPTIMIZER), named(&optimizer_g), &none)?;
            save(&folder.join(DISCRIMINATOR_OPTIMIZER), named(&optimizer_d), &none)
        })?;
        snapshots.prune(self.config.run.keep_snapshots, &self.measurements.best())?;
        Ok(path)
    }

    /// Takes up the newest whole snapshot; a run that has none yet begins anew.
    pub(super) fn resume(&mut self) -> Result<(), TrainError> {
        let (snapshot, skipped) = self.newest_snapshot()?;
        let Some(snapshot) = snapshot else { return Ok(()) };
        self.warnings.extend(skipped);
        self.take_up(&snapshot)?;
        self.resumed_from = Some(self.position.images);
        Ok(())
    }

    /// Goes back to the newest whole snapshot, with other random numbers from there.
    pub(super) fn roll_back(&mut self) -> Result<(), TrainError> {
        let (rollbacks, in_a_row) = (self.position.rollbacks, self.position.rollbacks_in_a_row);
        let (skipped, seconds) = (self.position.skipped, self.position.seconds);
        let images = self.position.images;
        let (snapshot, _) = self.newest_snapshot()?;
        let snapshot = snapshot.ok_or(TrainError::Diverged { images })?;
        self.take_up(&snapshot)?;
        self.position.rollbacks = rollbacks + 1;
        self.position.rollbacks_in_a_row = in_a_row + 1;
        self.position.skipped = skipped;
        self.position.skipped_in_a_row = 0;
        self.position.seconds = seconds;
        self.loader.seek(self.position.images);
        self.open_measurements()?;
        self.open_recorder()
    }

    /// The newest whole snapshot, which the first rank finds, and what to say of those that were passed over.
    fn newest_snapshot(&self) -> Result<(Option<Snapshot>, Vec<String>), TrainError> {
        if self.group.is_first() {
            let (snapshot, skipped) = self.run.newest_snapshot()?;
            let number = snapshot.as_ref().map_or(String::new(), |found| found.number.to_string());
            self.group.tell(&number, &self.device)?;
            return Ok((snapshot, skipped));
        }
        let told = self.group.tell("", &self.device)?;
        let number = told.parse::<u64>().ok();
        let snapshot = number.map(|number| self.run.snapshots().open(number)).transpose()?;
        Ok((snapshot, Vec::new()))
    }

    /// Replaces everything by a snapshot's state.
    fn take_up(&mut self, snapshot: &Snapshot) -> Result<(), TrainError> {
        let position: Position = snapshot.state()?;
        if position.dataset != self.position.dataset {
            return Err(RunError::OtherImages { run: self.run.path().to_owned() }.into());
        }
        let read = |name: &str| -> Result<_, TrainError> {
            Ok(load_on(&snapshot.file(name), &self.device)?.tensors)
        };
        let other = |name: &str| {
            let path = snapshot.file(name);
            move |source| RunError::OtherNetworks { path, source: Box::new(source) }
        };
        let networks = &self.networks;
        for (name, parameters) in [
            (GENERATOR, &networks.generator_parameters),
            (AVERAGE, &networks.average_parameters),
            (DISCRIMINATOR, &networks.discriminator_parameters),
        ] {
            parameters.load(&read(name)?).map_err(other(name))?;
        }
        self.generator_optimizer
            .load(&read(GENERATOR_OPTIMIZER)?, &networks.generator_parameters)
            .map_err(other(GENERATOR_OPTIMIZER))?;
        self.discriminator_optimizer
            .load(&read(DISCRIMINATOR_OPTIMIZER)?, &networks.discriminator_parameters)
            .map_err(other(DISCRIMINATOR_OPTIMIZER))?;
        self.position = position;
        self.path_length_mean = Tensor::new(self.position.path_length_mean, &self.device)?;
        Ok(())
    }
}

fn named(tensors: &BTreeMap<String, Tensor>) -> impl Iterator<Item = (&str, &Tensor)> {
    tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
}
