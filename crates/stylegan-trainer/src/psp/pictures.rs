//! Strips of inputs, outputs and targets.

use candle_core::{Result, Tensor};
use stylegan_psp::Task;

use crate::grid::Grid;

/// Colours of classes, repeated: far apart for the eye.
const PALETTE: [[f32; 3]; 12] = [
    [-0.8, -0.8, -0.8],
    [0.8, -0.6, -0.6],
    [-0.6, 0.6, -0.5],
    [-0.5, -0.2, 0.9],
    [0.9, 0.7, -0.4],
    [0.5, -0.4, 0.8],
    [-0.4, 0.7, 0.8],
    [0.9, 0.2, 0.6],
    [0.3, 0.3, -0.9],
    [-0.9, 0.1, 0.3],
    [0.6, 0.9, 0.5],
    [0.9, 0.9, 0.9],
];

/// Three rows, an image a column: what the encoder sees, what comes out, what should have.
pub(super) fn strip(task: Task, input: &Tensor, output: &Tensor, target: &Tensor) -> Result<Grid> {
    let shown = visible(task, input, output.dim(1)?)?;
    Grid::new(&Tensor::cat(&[&shown, output, target], 0)?, output.dim(0)?)
}

/// The encoder's input as images of `channels` channels in [-1, 1].
pub(super) fn visible(task: Task, input: &Tensor, channels: usize) -> Result<Tensor> {
    let (n, _, h, w) = input.dims4()?;
    match task {
        Task::Sketch => input.affine(2.0, -1.0)?.repeat((1, channels, 1, 1)),
        Task::Segmentation => {
            let classes = input.argmax(1)?.to_dtype(candle_core::DType::U32)?;
            let classes = classes.flatten_all()?.to_vec1::<u32>()?;
            let mut values = vec![0f32; n * channels * h * w];
            for (at, class) in classes.into_iter().enumerate() {
                let (image, place) = (at / (h * w), at % (h * w));
                let colour = PALETTE[class as usize % PALETTE.len()];
                for (channel, value) in colour.iter().take(channels).enumerate() {
                    values[(image * channels + channel) * h * w + place] = *value;
                }
            }
            Tensor::from_vec(values, (n, channels, h, w), input.device())
        }
        _ => Ok(input.clone()),
    }
}
