//! A generator under evaluation.

use candle_core::{Result, Tensor};
use stylegan::{Generator, Noise, NoiseKind};
use stylegan_metrics::ppl::PathGenerator;
use stylegan_ops::random::Stream;

/// A generator with its name, as metrics see it: never truncated, at the level of detail that it was trained to, with labels
/// drawn where it takes any.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The generator.
    pub generator: &'a Generator,
    /// What changes whenever its images would: a checksum.
    pub identity: &'a str,
    /// The level of detail (0: full).
    pub lod: f64,
}

impl Subject<'_> {
    /// Labels `[n, label_dim]`: those of training images where the model knows some, or else one class each; none for a generator that is
    /// told none.
    ///
    /// # Errors
    /// Where the model's examples are damaged.
    pub fn labels(&self, n: usize, stream: &Stream) -> Result<Option<Tensor>> {
        self.generator.labels_of_stream(stream, 0, n)
    }

    /// Images `[N, C, H, W]` of `w` `[N, w_dim]`.
    ///
    /// # Errors
    /// Those of the network.
    pub fn draw(&self, w: &Tensor, noise: Noise) -> Result<Tensor> {
        self.generator.synthesize(&self.generator.broadcast(w)?, self.lod, &noise)
    }
}

impl PathGenerator for Subject<'_> {
    fn identity(&self) -> String {
        self.identity.to_owned()
    }

    fn z_dim(&self) -> usize {
        self.generator.config().mapping.z_dim
    }

    fn labels(&self, n: usize, stream: Stream) -> Result<Option<Tensor>> {
        self.labels(n, &stream)
    }

    fn map(&self, z: &Tensor, labels: Option<&Tensor>) -> Result<Tensor> {
        self.generator.map(z, labels)
    }

    fn images(&self, w: &Tensor, seed: u64, step: u64) -> Result<Tensor> {
        self.draw(w, Noise::Shared { seed, step, kind: NoiseKind::Gaussian })
    }
}
