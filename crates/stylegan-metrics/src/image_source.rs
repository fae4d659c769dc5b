//! Where images come from: a generator, a folder, anyone's closure.

use std::ops::Range;

use candle_core::{DType, Tensor};

use crate::MetricError;

/// Images by index, the same image for the same index whenever it is asked for.
pub trait ImageSource {
    /// What it is, for people and for the keys of caches: it must change whenever the images would (a data set's fingerprint, a
    /// model's checksum with seed and truncation).
    fn identity(&self) -> String;

    /// How many images there are; none where there is no end, as with a generator.
    fn count(&self) -> Option<usize>;

    /// The images of a range: `[range.len(), C, H, W]` with C = 1, 3 or 4, nominal range [-1, 1], float32. All of one source have
    /// one size. The range lies within [`Self::count`].
    ///
    /// # Errors
    /// Whatever stands in the way, wrapped in [`MetricError::Source`].
    fn images(&mut self, range: Range<usize>) -> Result<Tensor, MetricError>;
}

/// A source made of a closure.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use stylegan_metrics::{FromFn, ImageSource};
///
/// let mut grey = FromFn::new("grey", None, |range: std::ops::Range<usize>| {
///     Ok(Tensor::zeros((range.len(), 3, 8, 8), DType::F32, &Device::Cpu)?)
/// });
/// assert_eq!(grey.images(5..7)?.dims(), [2, 3, 8, 8]);
/// # Ok::<(), stylegan_metrics::MetricError>(())
/// ```
pub struct FromFn<F> {
    identity: String,
    count: Option<usize>,
    images: F,
}

/// What a closure may end with.
type Cause = Box<dyn std::error::Error + Send + Sync>;

impl<F: FnMut(Range<usize>) -> Result<Tensor, Cause>> FromFn<F> {
    /// A source of `count` images (none: without end) that `images` gives.
    pub fn new(identity: impl Into<String>, count: Option<usize>, images: F) -> Self {
        Self { identity: identity.into(), count, images }
    }
}

impl<F: FnMut(Range<usize>) -> Result<Tensor, Cause>> ImageSource for FromFn<F> {
    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn count(&self) -> Option<usize> {
        self.count
    }

    fn images(&mut self, range: Range<usize>) -> Result<Tensor, MetricError> {
        (self.images)(range.clone()).map_err(|source| MetricError::Source {
            images: self.identity.clone(),
            range,
            source,
        })
    }
}

impl<S: ImageSource + ?Sized> ImageSource for Box<S> {
    fn identity(&self) -> String {
        (**self).identity()
    }

    fn count(&self) -> Option<usize> {
        (**self).count()
    }

    fn images(&mut self, range: Range<usize>) -> Result<Tensor, MetricError> {
        (**self).images(range)
    }
}

/// `0..count` in ranges of `batch`, the last one shorter if need be.
pub fn batches(count: usize, batch: usize) -> impl Iterator<Item = Range<usize>> {
    let batch = batch.max(1);
    (0..count.div_ceil(batch)).map(move |index| index * batch..((index + 1) * batch).min(count))
}

/// Asks a source for a range, checks what came, and gives it three channels: greyscale is repeated, alpha dropped.
///
/// # Errors
/// The source's own; [`MetricError::Shape`] if it gave another number of images or no images; [`MetricError::NotFinite`] with the index of the first
/// image that is not finite.
pub fn check_images(
    source: &mut dyn ImageSource,
    range: Range<usize>,
) -> Result<Tensor, MetricError> {
    let images = source.images(range.clone())?.to_dtype(DType::F32)?.contiguous()?;
    let fits = matches!(*images.dims(), [n, 1 | 3 | 4, h, w] if n == range.len() && h * w > 0);
    if !fits {
        return Err(MetricError::Shape {
            images: source.identity(),
            expected: format!("[{}, 1 or 3 or 4, H, W]", range.len()),
            range,
            found: images.dims().to_vec(),
        });
    }
    if let Some(row) = first_not_finite(&images)? {
        return Err(MetricError::NotFinite {
            what: "image",
            index: range.start + row,
            images: source.identity(),
        });
    }
    Ok(match images.dim(1)? {
        1 => images.repeat((1, 3, 1, 1))?,
        4 => images.narrow(1, 0, 3)?.contiguous()?,
        _ => images,
    })
}

/// The first row of a tensor that holds a NaN or an infinity.
pub(crate) fn first_not_finite(tensor: &Tensor) -> candle_core::Result<Option<usize>> {
    // A sum is not finite if a term is not; what is finite may still add up beyond the largest float, so that rows are looked at in full.
    if tensor.sum_all()?.to_dtype(DType::F32)?.to_scalar::<f32>()?.is_finite() {
        return Ok(None);
    }
    let rows = tensor.flatten_from(1)?.to_dtype(DType::F32)?.to_vec2::<f32>()?;
    Ok(rows.iter().position(|row| row.iter().any(|value| !value.is_finite())))
}
