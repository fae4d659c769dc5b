//! Images on their way into a network: checks, colours, sizes.

use candle_core::{Device, Result, Tensor};

use crate::FeatureError;

/// Refuses what is no batch of images [N, 3, H, W], or not of `size` where there is one.
pub(crate) fn input(
    network: &'static str,
    images: &Tensor,
    size: Option<usize>,
) -> std::result::Result<(), FeatureError> {
    let fits = match *images.dims() {
        [_, 3, h, w] => size.map_or(h >= 32 && w >= 32, |size| (h, w) == (size, size)),
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let expected = match size {
        Some(size) => format!("images [N, 3, {size}, {size}]"),
        None => "images [N, 3, H, W] of at least 32x32".to_owned(),
    };
    Err(FeatureError::Input { network, expected, found: images.dims().to_vec() })
}

/// `(x - shift) / scale`, channel by channel.
pub(crate) fn normalise(images: &Tensor, shift: [f64; 3], scale: [f64; 3]) -> Result<Tensor> {
    let row = |values: [f64; 3]| {
        Tensor::from_vec(values.to_vec(), (1, 3, 1, 1), &Device::Cpu)?
            .to_dtype(images.dtype())?
            .to_device(images.device())
    };
    images.broadcast_sub(&row(shift)?)?.broadcast_div(&row(scale)?)
}

/// How pixels of another size are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sampling {
    /// Bilinear between the centres of pixels, as PyTorch's `interpolate` does without aligned corners: output i reads `(i + 0.5) * from / to - 0.5`.
    Centres,
    /// Bilinear between the corners, as TensorFlow 1 did: output i reads `i * from / to`.
    TensorFlow1,
}

/// Images [N, C, H, W] -> [N, C, height, width], bilinear, without any smoothing when they shrink: what the networks of published metrics were
/// fed with. Differentiable.
///
/// # Errors
/// If images do not have four dimensions.
pub fn resize(
    images: &Tensor,
    (height, width): (usize, usize),
    sampling: Sampling,
) -> Result<Tensor> {
    let (n, c, h, w) = images.dims4()?;
    if (h, w) == (height, width) {
        return Ok(images.clone());
    }
    // Two products with sparse matrices, which are small enough to be written out.
    let across = matrix(w, width, sampling, images)?;
    let down = matrix(h, height, sampling, images)?.t()?.contiguous()?;
    let wide = images.contiguous()?.reshape((n * c * h, w))?.matmul(&across)?;
    let wide = wide.reshape((n * c, h, width))?;
    down.unsqueeze(0)?.broadcast_matmul(&wide)?.reshape((n, c, height, width))
}

/// `[from, to]`: what each of `to` outputs takes from `from` inputs.
fn matrix(from: usize, to: usize, sampling: Sampling, like: &Tensor) -> Result<Tensor> {
    let mut values = vec![0f64; from * to];
    let scale = from as f64 / to as f64;
    for output in 0..to {
        let at = match sampling {
            Sampling::Centres => ((output as f64 + 0.5) * scale - 0.5).max(0.0),
            Sampling::TensorFlow1 => output as f64 * scale,
        };
        let first = (at.floor() as usize).min(from - 1);
        let second = (first + 1).min(from - 1);
        let share = at - first as f64;
        values[first * to + output] += 1.0 - share;
        values[second * to + output] += share;
    }
    Tensor::from_vec(values, (from, to), &Device::Cpu)?
        .to_dtype(like.dtype())?
        .to_device(like.device())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[f32], to: usize, sampling: Sampling) -> Vec<f32> {
        let x =
            Tensor::new(values, &Device::Cpu).unwrap().reshape((1, 1, 1, values.len())).unwrap();
        resize(&x, (1, to), sampling).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn hand_worked_rows() {
        assert_eq!(row(&[0.0, 4.0], 4, Sampling::Centres), [0.0, 1.0, 3.0, 4.0]);
        assert_eq!(row(&[0.0, 4.0], 4, Sampling::TensorFlow1), [0.0, 2.0, 4.0, 4.0]);
        assert_eq!(row(&[1.0, 2.0, 3.0, 4.0], 2, Sampling::Centres), [1.5, 3.5]);
        assert_eq!(row(&[1.0, 2.0, 3.0, 4.0], 2, Sampling::TensorFlow1), [1.0, 3.0]);
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let x = Tensor::zeros((1, 1, 64, 64), candle_core::DType::F32, &Device::Cpu).unwrap();
        let error = input("VGG16", &x, None).unwrap_err().to_string();
        assert!(error.contains("VGG16") && error.contains("[1, 1, 64, 64]"), "{error}");
        assert!(input("VGG16", &x.repeat((1, 3, 1, 1)).unwrap(), Some(224)).is_err());
    }
}
