//! Results of metrics that compare the features of real and generated images, with what a figure is worth nothing without.

use crate::kid::kernel_distance_of_subsets;
use crate::{
    Divisor, Features, Gaussian, MetricError, MetricResult, NetworkId, Watch, frechet_distance,
    frechet_interval,
};

/// Subsets of the kernel inception distance, and the most images of one.
const SUBSETS: usize = 100;
const SUBSET: usize = 1000;

/// Features of both sides, and what is said beside a figure of them.
pub struct Compared<'a> {
    /// Of real images.
    pub real: &'a Features,
    /// Of generated ones.
    pub generated: &'a Features,
    /// The network that made them.
    pub network: NetworkId,
    /// The protocol by name and settings.
    pub protocol: String,
    /// The seed of subsets and of the bootstrap.
    pub seed: u64,
}

impl Compared<'_> {
    /// The Fréchet inception distance, with a note where there are fewer images than features.
    ///
    /// # Errors
    /// As [`frechet_distance`] and [`frechet_interval`].
    pub fn frechet(
        &self,
        divisor: Divisor,
        watch: &dyn Watch,
    ) -> Result<MetricResult, MetricError> {
        let (real, generated) = (self.real, self.generated);
        let (a, b) = (Gaussian::of(real, divisor)?, Gaussian::of(generated, divisor)?);
        let distance = frechet_distance(&a, &b)?;
        let value = distance.value();
        let interval = frechet_interval(&a, &b, generated, value, self.seed, watch)?;
        let mut result = self
            .result("fid", value)
            .with_interval(interval)
            .with_detail("means", distance.means)
            .with_detail("covariances", distance.covariances);
        for (count, what) in [(generated.count(), "generated"), (real.count(), "real")] {
            if count < real.dims() {
                result = result.with_note(format!(
                    "{count} {what} images are fewer than the {} features: their covariance has no full rank, and the distance comes out too large; \
                     it compares with figures of as many images only",
                    real.dims()
                ));
            }
        }
        Ok(result)
    }

    /// The kernel inception distance.
    ///
    /// # Errors
    /// As [`kernel_distance_of_subsets`].
    pub fn kernel(&self, watch: &dyn Watch) -> Result<MetricResult, MetricError> {
        let (real, generated, seed) = (self.real, self.generated, self.seed);
        let kid = kernel_distance_of_subsets(real, generated, SUBSETS, SUBSET, seed, watch)?;
        Ok(self
            .result("kid", kid.value)
            .with_interval(kid.interval)
            .with_detail("images of a subset", kid.subset as f64))
    }

    fn result(&self, metric: &str, value: f64) -> MetricResult {
        let (protocol, samples) = (self.protocol.clone(), self.generated.count());
        MetricResult::new(metric, protocol, value, samples, self.seed)
            .with_network(self.network.clone())
    }
}
