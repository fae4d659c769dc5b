//! Path length as a metric of snapshots.

use candle_core::Tensor;
use stylegan_metrics::ppl::{PplSettings, path_length};
use stylegan_metrics::{MetricError, MetricResult, NetworkId, NoCache, Watch};

use super::Subject;
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
        let result = path_length(subject, &mut self.distance, &self.settings, &mut NoCache, watch)?;
        Ok(result.with_network(self.network.clone()))
    }
}
