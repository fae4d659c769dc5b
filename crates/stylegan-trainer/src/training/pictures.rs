//! The grids of images that a run leaves.

use candle_core::Tensor;
use stylegan::{GenerateOptions, Noise};
use stylegan_ops::random::Stream;

use super::{TrainError, Training};
use crate::events::{Event, Observer};
use crate::grid::Grid;
use crate::reals;

/// The stream of the latents that are shown; the same all run.
const GRID_STREAM: u32 = 0x200;

impl Training {
    /// The first real images of the set; the first rank writes them.
    pub(super) fn write_reals(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        if !self.group.is_first() {
            return Ok(());
        }
        let [columns, rows] = self.config.run.grid;
        let dataset = self.loader.dataset();
        let shown = (columns * rows).clamp(1, dataset.len());
        let mut bytes = Vec::new();
        for index in 0..shown {
            bytes.extend_from_slice(&dataset.get(index)?.image.data);
        }
        let ((height, width), channels) = (dataset.resolution(), dataset.channels());
        let shape = (shown, channels, height, width);
        let images = reals::process(&bytes, shape, 0, 0.0, &self.device)?;
        let grid = Grid::new(&images, columns)?;
        let path = self.run.file("reals.png");
        grid.write(&path)?;
        self.recorder.image(0, "reals", &grid)?;
        self.tell(observer, Event::Grid { path })
    }

    /// Images of the averaged generator from latents that stay the same all run; the first rank writes them.
    pub(super) fn write_fakes(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        if !self.group.is_first() {
            return Ok(());
        }
        let [columns, _] = self.config.run.grid;
        let grid = Grid::new(&self.fakes()?, columns)?;
        let path = self.run.fakes_file(self.position.images / 1000);
        grid.write(&path)?;
        self.recorder.image(self.position.images, "fakes", &grid)?;
        self.tell(observer, Event::Grid { path })
    }

    fn fakes(&self) -> std::result::Result<Tensor, TrainError> {
        let [columns, rows] = self.config.run.grid;
        let shown = (columns * rows).max(1);
        let generator = &self.networks.average;
        let dim = generator.config().mapping.z_dim;
        let z =
            Stream::new(self.config.run.seed, 0, GRID_STREAM).normal((shown, dim), &self.device)?;
        let lod = self.schedule.at(self.position.scheduled_at).lod;
        let options = GenerateOptions {
            psi: self.config.generator.truncation_psi,
            cutoff: Some(self.config.generator.truncation_cutoff),
            noise: Noise::Const,
            lod,
        };
        // As many at a time as in training, so that the memory of training is enough.
        let at_a_time = self.config.schedule.minibatch.max(1);
        let mut images = Vec::new();
        for start in (0..shown).step_by(at_a_time) {
            let size = at_a_time.min(shown - start);
            let labels = self.shown_labels(start, size)?;
            let z = z.narrow(0, start, size)?;
            images.push(generator.generate(&z, labels.as_ref(), &options)?);
        }
        Ok(Tensor::cat(&images, 0)?)
    }

    /// The labels of the first real images, so that both grids show the same classes.
    fn shown_labels(
        &self,
        start: usize,
        size: usize,
    ) -> std::result::Result<Option<Tensor>, TrainError> {
        if !self.networks.generator.is_conditional() {
            return Ok(None);
        }
        let dataset = self.loader.dataset();
        let mut labels = Vec::with_capacity(size * self.label_dim);
        for index in start..start + size {
            labels.extend(dataset.get(index % dataset.len())?.label);
        }
        Ok(Some(Tensor::from_vec(labels, (size, self.label_dim), &self.device)?))
    }
}
