//! A generator under evaluation.

use candle_core::{Device, Result, Tensor};
use stylegan::{Generator, Noise, NoiseKind};
use stylegan_metrics::ppl::PathGenerator;
use stylegan_ops::random::Stream;

/// A generator with its name, as metrics see it: never truncated, at the level of detail that it was trained to, with labels
/// drawn uniformly where it takes any.
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
    /// One-hot labels `[n, label_dim]`, every class as likely; none for a generator without classes.
    ///
    /// # Errors
    /// Those of the device.
    pub fn one_hot(&self, n: usize, stream: Stream) -> Result<Option<Tensor>> {
        let dim = self.generator.config().mapping.label_dim;
        if dim == 0 {
            return Ok(None);
        }
        let mut labels = vec![0f32; n * dim];
        for (row, label) in labels.chunks_exact_mut(dim).enumerate() {
            label[stream.below_at(row as u64, dim as u64) as usize] = 1.0;
        }
        Tensor::from_vec(labels, (n, dim), &Device::Cpu).map(Some)
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
        self.one_hot(n, stream)
    }

    fn map(&self, z: &Tensor, labels: Option<&Tensor>) -> Result<Tensor> {
        self.generator.map(z, labels)
    }

    fn images(&self, w: &Tensor, seed: u64, step: u64) -> Result<Tensor> {
        self.draw(w, Noise::Shared { seed, step, kind: NoiseKind::Gaussian })
    }
}
