//! Sources of images for metrics: a generator, a data set.

use std::borrow::Borrow;
use std::ops::Range;

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;
use stylegan::{GenerateOptions, Generator, Noise, NoiseKind};
use stylegan_dataset::{Dataset, Image};
use stylegan_metrics::{ImageSource, MetricError};
use stylegan_ops::random::Stream;

/// The streams of random numbers of latents and labels.
const LATENTS: u32 = 0xe7a1;
const LABELS: u32 = 0xe7a2;

/// Images that are generated together, from the noise of one draw: images do not depend on how they are asked for.
const CHUNK: usize = 8;

/// A generator's images: image `i` is a function of the seed and `i`. Noise is random, and labels are drawn from the model's
/// examples where it has some.
pub struct Generated<G> {
    generator: G,
    identity: String,
    seed: u64,
    psi: f64,
    lod: f64,
    /// The last chunk that was drawn: neighbouring ranges may share it.
    last: Option<(usize, Tensor)>,
}

impl<G: Borrow<Generator>> Generated<G> {
    /// Of a generator at a level of detail, truncated with psi; `checksum` changes whenever the generator does.
    pub fn new(generator: G, checksum: &str, seed: u64, psi: f64, lod: f64) -> Self {
        let identity = format!("model {checksum} seed {seed} psi {psi} lod {lod}");
        Self { generator, identity, seed, psi, lod, last: None }
    }

    /// Height and width.
    pub fn resolution(&self) -> (usize, usize) {
        self.generator.borrow().synthesis().pyramid().full_size()
    }

    fn chunk(&self, index: usize) -> candle_core::Result<Tensor> {
        let generator = self.generator.borrow();
        let rows = (index * CHUNK..(index + 1) * CHUNK)
            .map(|image| {
                let stream = Stream::new(self.seed, image as u64, LATENTS);
                stream.normal((1, generator.config().mapping.z_dim), &Device::Cpu)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let z = Tensor::cat(&rows, 0)?;
        let stream = Stream::new(self.seed, 0, LABELS);
        let labels = generator.labels_of_stream(&stream, (index * CHUNK) as u64, CHUNK)?;
        let noise =
            Noise::Random { seed: self.seed, step: index as u64, kind: NoiseKind::Gaussian };
        let options = GenerateOptions { psi: self.psi, cutoff: None, noise, lod: self.lod };
        // Beside real images, which are in main memory.
        generator.generate(&z, labels.as_ref(), &options)?.to_device(&Device::Cpu)
    }
}

impl<G: Borrow<Generator>> ImageSource for Generated<G> {
    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn count(&self) -> Option<usize> {
        None
    }

    fn images(&mut self, range: Range<usize>) -> Result<Tensor, MetricError> {
        let mut parts = Vec::new();
        let mut next = range.start;
        while next < range.end {
            let index = next / CHUNK;
            let images = match &self.last {
                Some((of, images)) if *of == index => images.clone(),
                _ => self.chunk(index)?,
            };
            self.last = Some((index, images.clone()));
            let end = range.end.min((index + 1) * CHUNK);
            parts.push(images.narrow(0, next - index * CHUNK, end - next)?);
            next = end;
        }
        Ok(Tensor::cat(&parts, 0)?)
    }
}

/// A generator's images as people draw them: image `i` is that of seed `i`, with the label that the seed draws and the model's constant noise. It does not depend on
/// those beside it.
pub struct Drawn<G> {
    generator: G,
    identity: String,
    psi: f64,
    cutoff: usize,
    lod: f64,
}

impl<G: Borrow<Generator>> Drawn<G> {
    /// Of a generator at a level of detail, truncated with psi below layer `cutoff`; `checksum` changes whenever the generator does.
    pub fn new(generator: G, checksum: &str, psi: f64, cutoff: usize, lod: f64) -> Self {
        let identity = format!("seeds of model {checksum} psi {psi} below {cutoff} lod {lod}");
        Self { generator, identity, psi, cutoff, lod }
    }
}

impl<G: Borrow<Generator>> ImageSource for Drawn<G> {
    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn count(&self) -> Option<usize> {
        None
    }

    fn images(&mut self, range: Range<usize>) -> Result<Tensor, MetricError> {
        let generator = self.generator.borrow();
        let seeds: Vec<u64> = range.map(|seed| seed as u64).collect();
        let z = stylegan::latents(&seeds, generator.config().mapping.z_dim, &Device::Cpu)?;
        let labels = generator.labels_of_seeds(&seeds)?;
        let options = GenerateOptions {
            psi: self.psi,
            cutoff: Some(self.cutoff),
            noise: Noise::Const,
            lod: self.lod,
        };
        Ok(generator.generate(&z, labels.as_ref(), &options)?.to_device(&Device::Cpu)?)
    }
}

/// A data set's images, in an order drawn from a seed, or in their own.
pub struct Pictures<D> {
    data: D,
    order: Vec<usize>,
    identity: String,
}

impl<D: Borrow<dyn Dataset>> Pictures<D> {
    /// Of a data set; with `shuffle`, what is measured of a part is measured of all.
    pub fn new(data: D, shuffle: Option<u64>) -> Self {
        let set: &dyn Dataset = data.borrow();
        let (order, named) = match shuffle {
            Some(seed) => {
                let order = Stream::new(seed, 0, LABELS).permutation(set.len());
                (order, format!(" order {seed}"))
            }
            None => ((0..set.len()).collect(), String::new()),
        };
        let (height, width) = set.resolution();
        let identity = format!("set {} at {height}x{width}{named}", set.fingerprint());
        Self { data, order, identity }
    }

    /// Height and width.
    pub fn resolution(&self) -> (usize, usize) {
        self.data.borrow().resolution()
    }
}

/// A picture's bytes as numbers in [-1, 1].
fn tensor(image: &Image) -> candle_core::Result<Tensor> {
    let shape = (1, image.channels, image.height, image.width);
    let bytes = Tensor::from_slice(&image.data, shape, &Device::Cpu)?;
    bytes.to_dtype(DType::F32)?.affine(1.0 / 127.5, -1.0)
}

impl<D: Borrow<dyn Dataset>> ImageSource for Pictures<D> {
    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn count(&self) -> Option<usize> {
        Some(self.order.len())
    }

    fn images(&mut self, range: Range<usize>) -> Result<Tensor, MetricError> {
        let (data, indices): (&dyn Dataset, _) = (self.data.borrow(), &self.order[range.clone()]);
        let images: Result<Vec<Tensor>, MetricError> = indices
            .par_iter()
            .map(|&index| {
                let sample = data.get(index).map_err(|source| MetricError::Source {
                    images: self.identity.clone(),
                    range: range.clone(),
                    source: Box::new(source),
                })?;
                Ok(tensor(&sample.image)?)
            })
            .collect();
        Ok(Tensor::cat(&images?, 0)?)
    }
}
