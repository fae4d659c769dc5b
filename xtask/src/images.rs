//! Where measured images come from: a model, or a collection of pictures.

use std::ops::Range;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;
use stylegan::{GenerateOptions, Generator, Noise, NoiseKind};
use stylegan_dataset::{Dataset, Image, OpenOptions, open, open_source};
use stylegan_metrics::{ImageSource, MetricError};
use stylegan_ops::random::Stream;

use crate::collection;
use crate::device;
use crate::failure::{Failure, OrFail};
use crate::model;
use crate::printer::Printer;

/// The streams of random numbers of latents and labels.
const LATENTS: u32 = 0xe7a1;
const LABELS: u32 = 0xe7a2;

/// Images that are generated together, from the noise of one draw: images do not depend on how they are asked for.
const CHUNK: usize = 8;

/// A model's images: image `i` is a function of the seed and `i`.
pub struct Generated {
    generator: Generator,
    identity: String,
    seed: u64,
    psi: f64,
    lod: f64,
    /// The last chunk that was drawn: neighbouring ranges may share it.
    last: Option<(usize, Tensor)>,
}

impl Generated {
    /// Opens a model. Noise is random, and labels are drawn from the model's examples where it has some.
    ///
    /// # Errors
    ///
    /// When there is none, or it cannot be read.
    pub fn open(
        typed: Option<&Path>,
        seed: u64,
        psi: f64,
        printer: Printer,
    ) -> Result<Self, Failure> {
        let path = model::locate(typed, printer)?;
        let generator = model::open_generator(&path, device::chosen())?;
        let lod = model::level_of_detail(&path)?;
        printer.note(&format!("model: {}", path.display()));
        let checksum = stylegan_features::sha256(&path).or_user()?;
        let identity = format!("model {} seed {seed} psi {psi} lod {lod}", &checksum[..16]);
        Ok(Self { generator, identity, seed, psi, lod, last: None })
    }

    /// Height and width.
    pub fn resolution(&self) -> (usize, usize) {
        self.generator.synthesis().pyramid().full_size()
    }

    fn chunk(&self, index: usize) -> candle_core::Result<Tensor> {
        let config = self.generator.config();
        let rows = (index * CHUNK..(index + 1) * CHUNK)
            .map(|image| {
                let stream = Stream::new(self.seed, image as u64, LATENTS);
                stream.normal((1, config.mapping.z_dim), &Device::Cpu)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let z = Tensor::cat(&rows, 0)?;
        let stream = Stream::new(self.seed, 0, LABELS);
        let labels = self.generator.labels_of_stream(&stream, (index * CHUNK) as u64, CHUNK)?;
        let noise =
            Noise::Random { seed: self.seed, step: index as u64, kind: NoiseKind::Gaussian };
        let options = GenerateOptions { psi: self.psi, cutoff: None, noise, lod: self.lod };
        // Beside real images, which are in main memory.
        self.generator.generate(&z, labels.as_ref(), &options)?.to_device(&Device::Cpu)
    }
}

impl ImageSource for Generated {
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

/// A collection's pictures, in an order drawn from a seed, or in their own.
pub struct Pictures {
    data: Box<dyn Dataset>,
    order: Vec<usize>,
    identity: String,
}

impl Pictures {
    /// Opens a collection at a resolution, its own (the first picture's) unless given. `shuffle` draws the order: what is measured of a part is of all.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub fn open(
        spec: &str,
        resolution: Option<(usize, usize)>,
        shuffle: Option<u64>,
        printer: Printer,
    ) -> Result<Self, Failure> {
        let resolution = match resolution {
            Some(resolution) => resolution,
            None => own_resolution(spec)?,
        };
        let bar = collection::Bar::new(printer, "images");
        let options = OpenOptions { resolution, ..OpenOptions::default() };
        let data = open(spec, &options, &|at| bar.report(at)).map_err(collection::failure)?;
        drop(bar);
        printer.note(&format!("images: {}", data.describe()));
        let count = data.len();
        let (order, named) = match shuffle {
            Some(seed) => {
                (Stream::new(seed, 0, LABELS).permutation(count), format!(" order {seed}"))
            }
            None => ((0..count).collect(), String::new()),
        };
        let (height, width) = data.resolution();
        let identity = format!("set {} at {height}x{width}{named}", data.fingerprint());
        Ok(Self { data, order, identity })
    }

    /// Height and width.
    pub fn resolution(&self) -> (usize, usize) {
        self.data.resolution()
    }
}

/// The size of a collection's first picture; bundled faces say theirs.
fn own_resolution(spec: &str) -> Result<(usize, usize), Failure> {
    if spec == "faces" || spec.starts_with("faces:") || spec.starts_with("faces@") {
        let data = open(spec, &OpenOptions::default(), &stylegan_dataset::silent);
        return Ok(data.map_err(collection::failure)?.resolution());
    }
    let source = open_source(spec, &Default::default()).map_err(collection::failure)?;
    if source.is_empty() {
        return Err(Failure::user(format!("`{spec}` holds no pictures"))
            .hint("`cargo xtask data --help` says what collections are"));
    }
    let first = source
        .read(0)
        .and_then(|raw| raw.decode(None))
        .or_user_with(|| format!("cannot read the picture {} of `{spec}`", source.name(0)))?;
    Ok((first.height, first.width))
}

/// A picture's bytes as numbers in [-1, 1].
pub fn tensor(image: &Image) -> candle_core::Result<Tensor> {
    let shape = (1, image.channels, image.height, image.width);
    let bytes = Tensor::from_slice(&image.data, shape, &Device::Cpu)?;
    bytes.to_dtype(DType::F32)?.affine(1.0 / 127.5, -1.0)
}

impl ImageSource for Pictures {
    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn count(&self) -> Option<usize> {
        Some(self.order.len())
    }

    fn images(&mut self, range: Range<usize>) -> Result<Tensor, MetricError> {
        let indices = &self.order[range.clone()];
        let images: Result<Vec<Tensor>, MetricError> = indices
            .par_iter()
            .map(|&index| {
                let sample = self.data.get(index).map_err(|source| MetricError::Source {
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
