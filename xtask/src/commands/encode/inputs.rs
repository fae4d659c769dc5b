//! Images as they come, made what an encoder takes.

use std::path::Path;

use candle_core::Tensor;
use stylegan_dataset::source::Raw;
use stylegan_dataset::{Pixels, SourceOptions, open_source};
use stylegan_psp::{InputDraws, Task, pair_of, resized};
use stylegan_trainer::psp::PspModel;

use crate::collection;
use crate::commands::train_psp::psp_failure;
use crate::device;
use crate::failure::{Failure, OrFail};
use crate::printer::Printer;

/// Resized images that are named one by one; of more, only the number is said.
const NAMED: usize = 3;

/// The images of a command line, decoded.
pub struct Inputs<'a> {
    psp: &'a PspModel,
    derive: bool,
    names: Vec<String>,
    pixels: Vec<Pixels>,
}

/// Images side by side.
pub struct Batch {
    /// As the encoder takes them.
    pub encoded: Tensor,
    /// As they are shown, of the decoder's size `[N, C, H, W]`.
    pub shown: Tensor,
    /// What the output should be, where it is known.
    target: Option<Tensor>,
}

impl<'a> Inputs<'a> {
    /// Reads all images, and says what is done to them.
    ///
    /// # Errors
    ///
    /// When one cannot be read.
    pub fn open(
        typed: &[String],
        psp: &'a PspModel,
        derive: bool,
        printer: Printer,
    ) -> Result<Self, Failure> {
        if derive && psp.task() == Task::Segmentation {
            return Err(Failure::user("a map of classes cannot be made of an image")
                .hint("name maps with --image, and leave --derive away"));
        }
        let grey = matches!(psp.task(), Task::Sketch | Task::Segmentation) && !derive;
        let channels = if grey { 1 } else { psp.decoder().config().synthesis.channels };
        // A map that is no grey image has no classes.
        let wanted = (psp.task() != Task::Segmentation).then_some(channels);
        let (mut names, mut pixels) = (Vec::new(), Vec::new());
        for path in typed {
            read(path, wanted, |name, image| {
                names.push(name);
                pixels.push(image);
            })?;
        }
        let inputs = Self { psp, derive, names, pixels };
        inputs.say(printer);
        Ok(inputs)
    }

    /// What is done to images of other sizes, and what is not done to any.
    fn say(&self, printer: Printer) {
        let size = self.psp.encoder().config().input_size;
        let other = |image: &&Pixels| (image.width, image.height) != (size, size);
        let resized = self.pixels.iter().filter(other).count();
        for (name, image) in
            self.names.iter().zip(&self.pixels).filter(|(_, p)| other(p)).take(NAMED)
        {
            let (width, height) = (image.width, image.height);
            let crop = if width == height { "" } else { "cropped to its middle square and " };
            printer.note(&format!("{name}: {width}x{height}, {crop}resized to {size}x{size}"));
        }
        if resized > NAMED {
            printer.note(&format!("{resized} of {} images resized in all", self.pixels.len()));
        }
        printer.note(
            "images are taken as they are: nothing looks for a face or aligns it; \
             `cargo xtask prepare --align` does, with landmarks",
        );
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.pixels.len()
    }

    /// Their names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// `count` images from `start` on.
    ///
    /// # Errors
    ///
    /// When a map holds a value that is no class.
    pub fn batch(&self, start: usize, count: usize) -> Result<Batch, Failure> {
        let size = self.psp.encoder().config().input_size;
        let side = self.psp.resolution().0;
        let task = self.psp.task();
        let range = start..start + count;
        if task == Task::Segmentation {
            let map = |at: usize| {
                let Pixels { width, data, .. } = &self.pixels[at];
                let name = Path::new(&self.names[at]);
                if self.pixels[at].channels != 1 {
                    let said =
                        format!("`{}` is no grey image, as a map of classes is", name.display());
                    return Err(Failure::user(said).hint("save it with one channel"));
                }
                self.psp.class_map(name, *width, data, device::chosen()).map_err(psp_failure)
            };
            let encoded = Tensor::cat(&range.map(map).collect::<Result<Vec<_>, _>>()?, 0)?;
            let channels = self.psp.decoder().config().synthesis.channels;
            let classes = encoded.dim(1)?.max(2) - 1;
            let grey = encoded.argmax_keepdim(1)?.to_dtype(candle_core::DType::F32)?;
            let grey = grey.affine(2.0 / classes as f64, -1.0)?.repeat((1, channels, 1, 1))?;
            return Ok(Batch { encoded, shown: resized(&grey, side)?, target: None });
        }
        let images = range.map(|at| Ok(resized(&square(&self.pixels[at])?, side)?));
        let images = Tensor::cat(&images.collect::<Result<Vec<_>, Failure>>()?, 0)?;
        let (input, target) = if self.derive {
            let draws = InputDraws { seed: 0, step: start as u64 };
            let pair = pair_of(task, &images, draws).or_user()?;
            (pair.input, Some(pair.target))
        } else if task == Task::Sketch {
            (images.affine(0.5, 0.5)?, None)
        } else {
            let comparable = matches!(task, Task::Inversion);
            (images.clone(), comparable.then_some(images))
        };
        let shown = if task == Task::Sketch {
            let channels = self.psp.decoder().config().synthesis.channels;
            input.affine(2.0, -1.0)?.repeat((1, channels, 1, 1))?
        } else {
            input.clone()
        };
        let encoded = if self.derive || side >= size {
            resized(&input, size)?
        } else {
            // Not by way of a decoder that is smaller than the encoder's input.
            let images =
                (start..start + count).map(|at| Ok(resized(&square(&self.pixels[at])?, size)?));
            let images = Tensor::cat(&images.collect::<Result<Vec<_>, Failure>>()?, 0)?;
            if task == Task::Sketch { images.affine(0.5, 0.5)? } else { images }
        };
        Ok(Batch { encoded, shown, target })
    }
}

impl Batch {
    /// The mean squared difference of each output from what it should be.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn differences(&self, output: &Tensor) -> Result<Vec<f64>, Failure> {
        let Some(target) = &self.target else { return Ok(Vec::new()) };
        let squares = (output - target)?.sqr()?.flatten_from(1)?.mean(1)?;
        Ok(squares.to_vec1::<f32>()?.into_iter().map(f64::from).collect())
    }
}

/// The middle square of an image, `[1, C, S, S]` in [-1, 1].
fn square(image: &Pixels) -> Result<Tensor, Failure> {
    let Pixels { width, height, channels, data } = image;
    let values: Vec<f32> = data.iter().map(|&byte| f32::from(byte) / 127.5 - 1.0).collect();
    let pixels = Tensor::from_vec(values, (1, *height, *width, *channels), device::chosen())?;
    let side = (*width).min(*height);
    let (top, left) = ((height - side) / 2, (width - side) / 2);
    let pixels = pixels.narrow(1, top, side)?.narrow(2, left, side)?;
    Ok(pixels.permute((0, 3, 1, 2))?.contiguous()?)
}

/// Reads an image file, or all images of a collection.
fn read(
    path: &str,
    channels: Option<usize>,
    mut take: impl FnMut(String, Pixels),
) -> Result<(), Failure> {
    let cannot = |name: &str, reason: String| {
        Failure::user(format!("cannot read `{name}`: {reason}"))
            .hint("PNG, JPEG, WebP, BMP and GIF are read; `cargo xtask data check` looks at a whole folder")
    };
    if Path::new(path).is_file() {
        let bytes = std::fs::read(path).or_user_with(|| format!("cannot read `{path}`"))?;
        if image::guess_format(&bytes).is_ok() {
            let image = Raw::File(bytes).decode(channels).map_err(|e| cannot(path, e))?;
            take(path.to_owned(), image);
            return Ok(());
        }
    }
    let source = open_source(path, &SourceOptions::default()).map_err(collection::failure)?;
    for index in 0..source.len() {
        let name = format!("{path}/{}", source.name(index));
        let raw = source.read(index).map_err(|e| cannot(&name, e))?;
        take(name.clone(), raw.decode(channels).map_err(|e| cannot(&name, e))?);
    }
    Ok(())
}
