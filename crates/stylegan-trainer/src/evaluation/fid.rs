//! Distances of Inception features as metrics of snapshots.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use stylegan_dataset::Dataset;
use stylegan_distributed::Group;
use stylegan_metrics::{
    Compared, Divisor, Extraction, Extractor, Features, ImageSource, MetricError, MetricResult,
    Watch, extract,
};

use super::shared::gathered;
use super::{Generated, Pictures, Subject};
use crate::SnapshotMetric;

/// Which distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureDistance {
    /// Fréchet's: `fid`.
    Frechet,
    /// That of a polynomial kernel: `kid`.
    Kernel,
}

/// The distance of each snapshot that is measured from the training images.
pub struct FidMetric {
    /// Which.
    pub distance: FeatureDistance,
    /// The network.
    pub network: Box<dyn Extractor>,
    /// The training images.
    pub data: Arc<dyn Dataset>,
    /// Whether their mirror images are training images too.
    pub mirror: bool,
    /// Real images and generated ones.
    pub samples: usize,
    /// The seed of latents, noise, and the order of the real images.
    pub seed: u64,
    /// Where the features of the real images are kept, by the content of the data set, the network and the settings.
    pub cache: Option<PathBuf>,
    /// Those features, once they are there.
    pub real: Option<Features>,
    /// The device that ranks add up on.
    pub device: Device,
}

/// Images that the network looks at together.
const BATCH: usize = 16;

impl SnapshotMetric for FidMetric {
    fn name(&self) -> &str {
        match self.distance {
            FeatureDistance::Frechet => "fid",
            FeatureDistance::Kernel => "kid",
        }
    }

    fn measure(
        &mut self,
        subject: &Subject<'_>,
        watch: &dyn Watch,
    ) -> Result<MetricResult, MetricError> {
        self.compare(self.generated(&Group::solo(), subject, watch)?, watch)
    }

    /// Every rank generates a share of the images and looks at them; the first looks at the training images and compares.
    fn measure_among(
        &mut self,
        group: &Group,
        subject: &Subject<'_>,
        watch: &dyn Watch,
    ) -> Result<Option<MetricResult>, MetricError> {
        let generated = self.generated(group, subject, watch)?;
        if group.is_first() { self.compare(generated, watch).map(Some) } else { Ok(None) }
    }
}

impl FidMetric {
    fn extraction(&self) -> Extraction {
        Extraction { count: self.samples, batch: BATCH, quantise: true, mirror: false }
    }

    /// The features of generated images, of which every rank makes a share: whole batches, so that they are those that one rank would make.
    fn generated(
        &self,
        group: &Group,
        subject: &Subject<'_>,
        watch: &dyn Watch,
    ) -> Result<Features, MetricError> {
        let batches = group.share(self.samples.div_ceil(BATCH));
        let (start, end) = (batches.start * BATCH, (batches.end * BATCH).min(self.samples));
        let (seed, lod) = (self.seed, subject.lod);
        let images = Generated::new(subject.generator, subject.identity, seed, 1.0, lod);
        let mut images = Section { images, start };
        let how = Extraction { count: end.saturating_sub(start), ..self.extraction() };
        let own = extract(&mut images, &*self.network, how, None, watch);
        if group.is_solo() {
            return own;
        }
        let rows = own.and_then(|own| {
            let (count, dims) = (own.count(), self.network.dims());
            Ok(Tensor::from_slice(&own.block(0..count)?, (count, dims), &Device::Cpu)?)
        });
        Features::from_tensor(&gathered(group, rows, start, self.samples, &self.device)?)
    }

    fn compare(
        &mut self,
        generated: Features,
        watch: &dyn Watch,
    ) -> Result<MetricResult, MetricError> {
        let network = &*self.network;
        let real = match self.real.take() {
            Some(real) => real,
            None => {
                let mut pictures = Pictures::new(self.data.clone(), Some(self.seed));
                let how = Extraction { mirror: self.mirror, ..self.extraction() };
                extract(&mut pictures, network, how, self.cache.as_deref(), watch)?
            }
        };
        let mirrored = if self.mirror { " with mirror images" } else { "" };
        let (count, reals) = (generated.count(), real.count());
        let compared = Compared {
            real: &real,
            generated: &generated,
            network: network.id(),
            protocol: format!(
                "stylegan1 ({count} generated, {reals} training images{mirrored}, psi 1)"
            ),
            seed: self.seed,
        };
        let result = match self.distance {
            FeatureDistance::Frechet => compared.frechet(Divisor::Unbiased, watch),
            FeatureDistance::Kernel => compared.kernel(watch),
        };
        self.real = Some(real);
        result
    }
}

/// A source's images from one on.
struct Section<S> {
    images: S,
    start: usize,
}

impl<S: ImageSource> ImageSource for Section<S> {
    fn identity(&self) -> String {
        format!("{} from {}", self.images.identity(), self.start)
    }

    fn count(&self) -> Option<usize> {
        self.images.count().map(|count| count.saturating_sub(self.start))
    }

    fn images(&mut self, range: Range<usize>) -> Result<Tensor, MetricError> {
        self.images.images(range.start + self.start..range.end + self.start)
    }
}
