//! Distances of Inception features as metrics of snapshots.

use std::path::PathBuf;
use std::sync::Arc;

use stylegan_dataset::Dataset;
use stylegan_metrics::{
    Compared, Divisor, Extraction, Extractor, Features, MetricError, MetricResult, Watch, extract,
};

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
        let how = Extraction { count: self.samples, batch: BATCH, quantise: true, mirror: false };
        let network = &*self.network;
        let real = match self.real.take() {
            Some(real) => real,
            None => {
                let mut pictures = Pictures::new(self.data.clone(), Some(self.seed));
                let how = Extraction { mirror: self.mirror, ..how };
                extract(&mut pictures, network, how, self.cache.as_deref(), watch)?
            }
        };
        let (seed, lod) = (self.seed, subject.lod);
        let mut images = Generated::new(subject.generator, subject.identity, seed, 1.0, lod);
        let generated = extract(&mut images, network, how, None, watch)?;
        let mirrored = if self.mirror { " with mirror images" } else { "" };
        let (count, reals) = (generated.count(), real.count());
        let compared = Compared {
            real: &real,
            generated: &generated,
            network: network.id(),
            protocol: format!(
                "stylegan1 ({count} generated, {reals} training images{mirrored}, psi 1)"
            ),
            seed,
        };
        let result = match self.distance {
            FeatureDistance::Frechet => compared.frechet(Divisor::Unbiased, watch),
            FeatureDistance::Kernel => compared.kernel(watch),
        };
        self.real = Some(real);
        result
    }
}
