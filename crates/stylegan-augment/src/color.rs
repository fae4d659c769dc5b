//! Affine maps of colours, one an image.

use candle_core::{Device, Result, Tensor};

use crate::matrix::{Matrix, identity};

/// Matrices and offsets for the channels of a batch's images.
#[derive(Debug, Clone)]
pub(crate) struct ColorMaps {
    /// `[N, C, C]`.
    matrix: Tensor,
    /// Its transposes.
    transposed: Tensor,
    /// `[N, C, 1]`.
    offset: Tensor,
    changes: bool,
}

impl ColorMaps {
    /// Maps for images of `channels` channels. Grey images get the mean of what the three components of a grey colour become; of four channels,
    /// the fourth (opacity) stays.
    pub(crate) fn new(maps: &[Option<Matrix<4>>], channels: usize) -> Result<Self> {
        let (mut matrix, mut offset) = (Vec::new(), Vec::new());
        for map in maps {
            let map = map.unwrap_or_else(identity);
            if channels < 3 {
                let rows = map.iter().take(3);
                let factor = rows.clone().map(|row| row[0] + row[1] + row[2]).sum::<f64>() / 3.0;
                let added = rows.map(|row| row[3]).sum::<f64>() / 3.0;
                for i in 0..channels {
                    matrix.extend((0..channels).map(|j| if i == j { factor as f32 } else { 0.0 }));
                    offset.push(added as f32);
                }
                continue;
            }
            for (i, own_row) in map.iter().enumerate().take(channels) {
                let inside = |j: usize| i < 3 && j < 3;
                let own = |j: usize| f64::from(u8::from(i == j));
                let row = (0..channels).map(|j| if inside(j) { own_row[j] } else { own(j) });
                matrix.extend(row.map(|value| value as f32));
                offset.push(if i < 3 { own_row[3] as f32 } else { 0.0 });
            }
        }
        let n = maps.len();
        let matrix = Tensor::from_vec(matrix, (n, channels, channels), &Device::Cpu)?;
        Ok(Self {
            transposed: matrix.transpose(1, 2)?.contiguous()?,
            matrix,
            offset: Tensor::from_vec(offset, (n, channels, 1), &Device::Cpu)?,
            changes: maps.iter().any(Option::is_some),
        })
    }

    /// Whether any image is changed.
    pub(crate) fn changes(&self) -> bool {
        self.changes
    }

    /// `[N, C, H, W]` to the same shape.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let offset = self.offset.to_dtype(x.dtype())?.to_device(x.device())?;
        let y = flat(x)?;
        multiply(&self.matrix, &y)?.broadcast_add(&offset)?.reshape(x.shape())
    }

    /// The transpose of the linear part.
    pub(crate) fn vjp(&self, g: &Tensor) -> Result<Tensor> {
        multiply(&self.transposed, &flat(g)?)?.reshape(g.shape())
    }
}

/// `[N, C, H * W]`.
fn flat(x: &Tensor) -> Result<Tensor> {
    x.flatten_from(2)?.contiguous()
}

fn multiply(matrix: &Tensor, x: &Tensor) -> Result<Tensor> {
    matrix.to_dtype(x.dtype())?.to_device(x.device())?.matmul(x)
}
