//! Mapping, truncation and synthesis as one generator.

use candle_core::{Error, Result, Tensor};
use candle_nn::{Init, VarBuilder};
use stylegan_layers::Precision;
use stylegan_mapping::{MappingNetwork, broadcast, truncate};
use stylegan_ops::random::Stream;
use stylegan_synthesis::{Noise, Synthesis};

use crate::{GeneratorConfig, Labels};

/// A generator of the StyleGAN family.
///
/// Parameters: `mapping.*`, `synthesis.*`, and the buffer `w_avg` `[w_dim]`.
#[derive(Debug, Clone)]
pub struct Generator {
    config: GeneratorConfig,
    mapping: MappingNetwork,
    synthesis: Synthesis,
    w_avg: Tensor,
    labels: Labels,
}

/// How to generate.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateOptions {
    /// Truncation psi: 1 for none, 0 for the average image (0.7).
    pub psi: f64,
    /// Layers below this index are truncated, all if `None` (8, of the 18 at 1024x1024).
    pub cutoff: Option<usize>,
    /// The noise inputs.
    pub noise: Noise,
    /// The level of detail (0: full).
    pub lod: f64,
}

impl Default for GenerateOptions {
    /// The official defaults, with the constant noise maps.
    fn default() -> Self {
        Self { psi: 0.7, cutoff: Some(8), noise: Noise::Const, lod: 0.0 }
    }
}

impl Generator {
    /// Takes its parameters from `vb`.
    pub fn new(config: &GeneratorConfig, vb: VarBuilder) -> Result<Self> {
        let (w_dim, expected) = (config.mapping.w_dim, config.synthesis.w_dim);
        if w_dim != expected {
            let message =
                format!("mapping gives w of {w_dim} components, synthesis takes {expected}");
            return Err(Error::Msg(message).bt());
        }
        Ok(Self {
            config: config.clone(),
            mapping: MappingNetwork::new(&config.mapping, vb.pp("mapping"))?,
            synthesis: Synthesis::new(&config.synthesis, vb.pp("synthesis"))?,
            w_avg: vb.get_with_hints(w_dim, "w_avg", Init::Const(0.0))?,
            labels: Labels::default(),
        })
    }

    /// What it was built from.
    pub fn config(&self) -> &GeneratorConfig {
        &self.config
    }

    /// The number of layers that take a style.
    pub fn num_layers(&self) -> usize {
        self.synthesis.num_layers()
    }

    /// The synthesis network.
    pub fn synthesis(&self) -> &Synthesis {
        &self.synthesis
    }

    /// The moving average of `w`, `[w_dim]`.
    pub fn w_avg(&self) -> &Tensor {
        &self.w_avg
    }

    /// Whether it is told labels.
    pub fn is_conditional(&self) -> bool {
        self.config.mapping.label_dim > 0
    }

    /// What its labels stand for.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The same generator, with what its labels stand for.
    #[must_use]
    pub fn with_labels(self, labels: Labels) -> Self {
        Self { labels, ..self }
    }

    /// The same generator, whose synthesis computes in another precision.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { synthesis: self.synthesis.with_precision(precision), ..self }
    }

    /// A label a seed, `[seeds, label_dim]`, as [`Labels::of_seeds`] draws them; none for a generator that is told none. Together
    /// with [`latents`](crate::latents) of the same seeds, it is all that [`map`](Self::map) takes.
    ///
    /// # Errors
    /// If the examples are of another length than the labels.
    pub fn labels_of_seeds(&self, seeds: &[u64]) -> Result<Option<Tensor>> {
        let dim = self.config.mapping.label_dim;
        if dim == 0 {
            return Ok(None);
        }
        self.labels.of_seeds(seeds, dim, self.w_avg.device()).map(Some)
    }

    /// As [`labels_of_seeds`](Self::labels_of_seeds), by the numbers from `first` on of one stream: `[n, label_dim]`.
    ///
    /// # Errors
    /// If the examples are of another length than the labels.
    pub fn labels_of_stream(
        &self,
        stream: &Stream,
        first: u64,
        n: usize,
    ) -> Result<Option<Tensor>> {
        let dim = self.config.mapping.label_dim;
        if dim == 0 {
            return Ok(None);
        }
        self.labels.of_stream(stream, first, n, dim, self.w_avg.device()).map(Some)
    }

    /// `z` `[N, z_dim]` and labels `[N, label_dim]` to `w` `[N, w_dim]`. The arguments may be on any device; the result is where the generator is.
    pub fn map(&self, z: &Tensor, labels: Option<&Tensor>) -> Result<Tensor> {
        let labels = labels.map(|labels| self.here(labels)).transpose()?;
        self.mapping.forward(&self.here(z)?, labels.as_ref())
    }

    /// A tensor on the generator's device.
    fn here(&self, x: &Tensor) -> Result<Tensor> {
        x.to_device(self.w_avg.device())
    }

    /// The same `w` for every layer: `[N, layers, w_dim]`.
    pub fn broadcast(&self, w: &Tensor) -> Result<Tensor> {
        broadcast(w, self.num_layers())
    }

    /// The truncation trick; see [`stylegan_mapping::truncate`].
    pub fn truncate(&self, ws: &Tensor, psi: f64, cutoff: Option<usize>) -> Result<Tensor> {
        truncate(&self.here(ws)?, &self.w_avg, psi, cutoff)
    }

    /// Styles `[N, layers, w_dim]` to images `[N, channels, H, W]` in about [-1, 1].
    pub fn synthesize(&self, ws: &Tensor, lod: f64, noise: &Noise) -> Result<Tensor> {
        self.synthesis.forward(&self.here(ws)?, lod, noise)
    }

    /// Latents to truncated styles `[N, layers, w_dim]`.
    pub fn styles(
        &self,
        z: &Tensor,
        labels: Option<&Tensor>,
        options: &GenerateOptions,
    ) -> Result<Tensor> {
        let ws = self.broadcast(&self.map(z, labels)?)?;
        self.truncate(&ws, options.psi, options.cutoff)
    }

    /// Latents to images: mapping, truncation, synthesis.
    pub fn generate(
        &self,
        z: &Tensor,
        labels: Option<&Tensor>,
        options: &GenerateOptions,
    ) -> Result<Tensor> {
        let ws = self.styles(z, labels, options)?;
        self.synthesize(&ws, options.lod, &options.noise)
    }
}
