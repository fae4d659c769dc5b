//! The network that tells faces apart.

use candle_core::{Error, Result, Tensor, bail};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::PspError;
use crate::backbone::Backbone;
use crate::config::BackboneConfig;
use crate::layers::Dense;
use crate::norm::{BatchNorm, Mode};
use crate::resample::{Axis, Resampler};

/// An identity network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// The residual network.
    pub backbone: BackboneConfig,
    /// Components of an embedding (512).
    pub embedding: usize,
    /// Height and width of the faces that it sees (112): a multiple of 16.
    pub input_size: usize,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self { backbone: BackboneConfig::default(), embedding: 512, input_size: 112 }
    }
}

impl IdentityConfig {
    /// Checks the numbers.
    ///
    /// # Errors
    /// Names the first that cannot be.
    pub fn validate(&self) -> std::result::Result<(), PspError> {
        self.backbone.validate()?;
        if self.embedding == 0 || self.input_size < 16 || !self.input_size.is_multiple_of(16) {
            let reason = format!(
                "an identity network needs an embedding of at least 1 component and faces of a multiple of 16 pixels, \
                 not {} and {}",
                self.embedding, self.input_size
            );
            return Err(PspError::Config { reason });
        }
        Ok(())
    }
}

/// ArcFace's IR-SE network (Deng et al. 2019, section 3.1): a face to a point of the unit sphere.
///
/// Parameters have the names of the published files: `input_layer.*`, `body.{i}.*`, `output_layer.{0,3,4}.*`.
#[derive(Debug, Clone)]
pub struct Identity {
    config: IdentityConfig,
    backbone: Backbone,
    norm: BatchNorm,
    dense: Dense,
    norm_out: BatchNorm,
}

impl Identity {
    /// Takes its parameters from `vb`.
    ///
    /// # Errors
    /// A configuration that cannot be, and those of `vb`.
    pub fn new(config: &IdentityConfig, vb: VarBuilder) -> Result<Self> {
        config.validate().map_err(Error::wrap)?;
        let (width, side) = (config.backbone.width(), config.input_size / 16);
        let out = vb.pp("output_layer");
        Ok(Self {
            norm: BatchNorm::new(width, out.pp(0))?,
            dense: Dense::new(width * side * side, config.embedding, out.pp(3))?,
            norm_out: BatchNorm::new(config.embedding, out.pp(4))?,
            backbone: Backbone::new(&config.backbone, 3, vb)?,
            config: config.clone(),
        })
    }

    /// What it was built from.
    pub fn config(&self) -> &IdentityConfig {
        &self.config
    }

    /// Faces `[N, 3, S, S]`, cropped as [`face_crop`] does, to embeddings of unit length `[N, embedding]`.
    ///
    /// # Errors
    /// Faces of another shape.
    pub fn embed(&self, faces: &Tensor, mode: Mode) -> Result<Tensor> {
        let size = self.config.input_size;
        if !matches!(*faces.dims(), [_, 3, h, w] if (h, w) == (size, size)) {
            bail!(
                "the identity network takes faces [N, 3, {size}, {size}], got {:?}",
                faces.dims()
            );
        }
        let [_, _, x] = self.backbone.forward(faces, mode)?;
        let x = self.norm.forward(&x, mode)?.flatten_from(1)?;
        unit_length(&self.norm_out.forward(&self.dense.forward(&x)?, mode)?)
    }

    /// Whole images `[N, C, H, W]` of aligned faces, grey or RGB, to embeddings `[N, embedding]` in evaluation mode.
    ///
    /// # Errors
    /// Images of other channels.
    pub fn of_images(&self, images: &Tensor) -> Result<Tensor> {
        self.embed(&face_crop(images, self.config.input_size)?, Mode::Evaluation)
    }
}

/// Rows divided by their length.
pub fn unit_length(x: &Tensor) -> Result<Tensor> {
    // A row of zeros stays one, and its gradient finite.
    x.broadcast_div(&(x.sqr()?.sum_keepdim(1)? + 1e-24)?.sqrt()?)
}

/// The part of an aligned face image that the identity network looks at: rows 35 to 223 and columns 32 to 220 of 256, as
/// `size` x `size` pixels `[N, 3, size, size]`. Images of another size are first made 256x256; all by means over areas. Grey images are repeated
/// for the three channels, and alpha is left out.
///
/// # Errors
/// If the images are not `[N, 1, 3 or 4, H, W]`.
pub fn face_crop(images: &Tensor, size: usize) -> Result<Tensor> {
    let images = rgb(images)?;
    let (_, _, h, w) = images.dims4()?;
    let axis = |length: usize, first: usize| {
        let all = Axis::area(length, FACE);
        all.then(&Axis::crop(FACE, first..first + CROP)).then(&Axis::area(CROP, size))
    };
    Resampler::new(axis(h, TOP), axis(w, LEFT)).apply(&images)
}

/// All of images `[N, C, H, W]` as `[N, 3, size, size]`, by means over areas: what a network sees that knows no faces. Channels as in
/// [`face_crop`].
///
/// # Errors
/// If the images are not `[N, 1, 3 or 4, H, W]`.
pub fn whole_image(images: &Tensor, size: usize) -> Result<Tensor> {
    let images = rgb(images)?;
    let (_, _, h, w) = images.dims4()?;
    Resampler::new(Axis::area(h, size), Axis::area(w, size)).apply(&images)
}

fn rgb(images: &Tensor) -> Result<Tensor> {
    match images.dim(1)? {
        1 => images.repeat((1, 3, 1, 1)),
        3 => Ok(images.clone()),
        4 => images.narrow(1, 0, 3)?.contiguous(),
        channels => bail!("an image has 1, 3 or 4 channels, not {channels}"),
    }
}

/// The size that the crop is given for, its first row and column, and its length.
const FACE: usize = 256;
const TOP: usize = 35;
const LEFT: usize = 32;
const CROP: usize = 188;

/// The same part of images of any size, as it is: rows and columns rounded to whole pixels `[N, C, h, w]`.
///
/// # Errors
/// If the images do not have four dimensions.
pub fn face_region(images: &Tensor) -> Result<Tensor> {
    let (_, _, h, w) = images.dims4()?;
    let part = |length: usize, first: usize| {
        let start = (first * length + FACE / 2) / FACE;
        (start, ((CROP * length + FACE / 2) / FACE).clamp(1, length - start))
    };
    let ((top, rows), (left, columns)) = (part(h, TOP), part(w, LEFT));
    images.narrow(2, top, rows)?.narrow(3, left, columns)?.contiguous()
}
