//! What a loader delivers.

use crate::dataset::{Dataset, Sample};
use crate::downscale::box_downscale;
use crate::error::DatasetError;

/// Pictures and labels, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// How many times the pictures are halved: 0 at full resolution.
    pub level: usize,
    /// `[n, channels, height, width]`, from 0 to 255.
    pub images: Vec<u8>,
    /// `[n, label_dim]`.
    pub labels: Vec<f32>,
    /// How many pictures.
    pub n: usize,
    /// Channels of a picture.
    pub channels: usize,
    /// Rows of a picture.
    pub height: usize,
    /// Columns of a picture.
    pub width: usize,
    /// Length of a label.
    pub label_dim: usize,
    /// Position of the first picture.
    pub position: u64,
    /// The numbers of the pictures in the data set.
    pub indices: Vec<usize>,
    /// Which of them are mirrored.
    pub mirrored: Vec<bool>,
}

impl Batch {
    /// Means over blocks of `factor` by `factor` pixels, from 0 to 255, not rounded:
    /// `[n, channels, height / factor, width / factor]`. See [`box_downscale`].
    ///
    /// # Errors
    /// If `factor` is zero or does not divide both sides.
    pub fn downscale(&self, factor: usize) -> Result<Vec<f32>, DatasetError> {
        box_downscale(&self.images, (self.height, self.width), factor)
    }

    pub(super) fn empty(dataset: &dyn Dataset, position: u64, n: usize, level: usize) -> Self {
        let ((height, width), channels) = (dataset.resolution(), dataset.channels());
        let (height, width) = (height >> level, width >> level);
        let label_dim = dataset.label_dim();
        Self {
            level,
            images: Vec::with_capacity(n * channels * height * width),
            labels: Vec::with_capacity(n * label_dim),
            n: 0,
            channels,
            height,
            width,
            label_dim,
            position,
            indices: Vec::with_capacity(n),
            mirrored: Vec::with_capacity(n),
        }
    }

    pub(super) fn push(
        &mut self,
        dataset: &dyn Dataset,
        index: usize,
        mut sample: Sample,
        mirrored: bool,
    ) {
        if mirrored {
            for row in sample.image.data.chunks_exact_mut(self.width) {
                row.reverse();
            }
            dataset.mirror_label(&mut sample.label);
        }
        self.images.extend_from_slice(&sample.image.data);
        self.labels.extend_from_slice(&sample.label);
        self.indices.push(index);
        self.mirrored.push(mirrored);
        self.n += 1;
    }
}
