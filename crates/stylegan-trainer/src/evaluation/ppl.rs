//! Path length as a metric of snapshots.

use candle_core::{Device, Tensor};
use stylegan_distributed::Group;
use stylegan_metrics::ppl::{PplSettings, path_distances, path_length};
use stylegan_metrics::{BlockCache, MetricError, MetricResult, NetworkId, NoCache, Watch};

use super::Subject;
use super::shared::gathered;
use crate::SnapshotMetric;

/// A distance of images: two batches `[N, C, H, W]`, nominal range [-1, 1], to `[N]`.
pub type Distance = Box<dyn FnMut(&Tensor, &Tensor) -> Result<Tensor, MetricError>>;

/// Perceptual path length of each snapshot that is measured.
pub struct PplMetric {
    /// Its name: `ppl_w`.
    pub name: String,
    /// What is measured.
    pub settings: PplSettings,
    /// The distance.
    pub distance: Distance,
    /// The network under the distance.
    pub network: NetworkId,
    /// The device that ranks add up on.
    pub device: Device,
}

impl SnapshotMetric for PplMetric {
    fn name(&self) -> &str {
        &self.name
    }

    fn measure(
        &mut self,
        subject: &Subject<'_>,
        watch: &dyn Watch,
    ) -> Result<MetricResult, MetricError> {
        self.measure_with(subject, &mut NoCache, watch)
    }

    /// Every rank measures the pairs of a share of the minibatches; the first makes a figure of them all.
    fn measure_among(
        &mut self,
        group: &Group,
        subject: &Subject<'_>,
        watch: &dyn Watch,
    ) -> Result<Option<MetricResult>, MetricError> {
        if group.is_solo() {
            return self.measure(subject, watch).map(Some);
        }
        let (settings, distance) = (&self.settings, &mut self.distance);
        let share = group.share(settings.minibatches()?);
        let start = (share.start * settings.minibatch).min(settings.pairs);
        let own = path_distances(subject, distance, settings, share, &mut NoCache, watch);
        let rows = own.and_then(|own| {
            let count = own.len();
            Ok(Tensor::from_vec(own, (count, 1), &Device::Cpu)?)
        });
        let all = gathered(group, rows, start, settings.pairs, &self.device)?;
        if !group.is_first() {
            return Ok(None);
        }
        let distances = all.flatten_all()?.to_vec1::<f32>()?;
        let mut known = Known { distances, minibatch: self.settings.minibatch };
        self.measure_with(subject, &mut known, watch).map(Some)
    }
}

impl PplMetric {
    fn measure_with(
        &mut self,
        subject: &Subject<'_>,
        cache: &mut dyn BlockCache,
        watch: &dyn Watch,
    ) -> Result<MetricResult, MetricError> {
        let result = path_length(subject, &mut self.distance, &self.settings, cache, watch)?;
        Ok(result.with_network(self.network.clone()))
    }
}

/// The distances of all pairs, as a cache that has every minibatch.
struct Known {
    distances: Vec<f32>,
    minibatch: usize,
}

impl BlockCache for Known {
    fn get(&mut self, block: u64) -> Option<Vec<f32>> {
        self.distances.chunks(self.minibatch).nth(block as usize).map(<[f32]>::to_vec)
    }

    fn put(&mut self, _block: u64, _values: &[f32]) -> Result<(), MetricError> {
        Ok(())
    }
}
