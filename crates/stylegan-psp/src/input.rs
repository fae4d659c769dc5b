//! From images to what the encoder sees of them, task by task.

use candle_core::{Device, Result, Tensor};
use stylegan_ops::random::Stream;

use crate::resample::{Axis, Resampler};
use crate::{PspError, Task};

/// Streams of random numbers, one a purpose.
const FLIP_INPUT: u32 = 0x5101;
const FLIP_TARGET: u32 = 0x5102;
const FACTOR: u32 = 0x5103;
const HOLE: u32 = 0x5104;

/// The reductions that super-resolution draws from.
pub const FACTORS: [usize; 6] = [1, 2, 4, 8, 16, 32];

/// The smallest side that an image is reduced to.
const SMALLEST: usize = 4;

/// The share of the side over which a drawing's lines are found, as a deviation.
const LINE: f64 = 1.0 / 64.0;

/// The random decisions about one batch. They follow from the seed and the batch's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputDraws {
    /// The run's seed.
    pub seed: u64,
    /// The batch's number.
    pub step: u64,
}

impl InputDraws {
    fn stream(&self, id: u32) -> Stream {
        Stream::new(self.seed, self.step, id)
    }
}

/// An encoder's images and what the decoder should make of them.
#[derive(Debug, Clone)]
pub struct Pair {
    /// `[N, input channels, S, S]`, S the size of the images given.
    pub input: Tensor,
    /// `[N, C, S, S]` in [-1, 1].
    pub target: Tensor,
}

/// Makes the pair of `task` from target images `[N, C, H, W]` in [-1, 1], for tasks whose input follows from the target: all but
/// segmentation.
///
/// # Errors
/// [`PspError::Config`] for segmentation; those of the device.
pub fn pair_of(
    task: Task,
    target: &Tensor,
    draws: InputDraws,
) -> std::result::Result<Pair, PspError> {
    let n = target.dim(0)?;
    let (input, target) = match task {
        Task::Inversion | Task::Toonify => (target.clone(), target.clone()),
        Task::Frontalisation => {
            let input = mirrored(target, &draws.stream(FLIP_INPUT))?;
            (input, mirrored(target, &draws.stream(FLIP_TARGET))?)
        }
        Task::Sketch => (drawing(target)?, target.clone()),
        Task::SuperResolution => {
            let (stream, side) = (draws.stream(FACTOR), target.dim(2)?.min(target.dim(3)?));
            let able = FACTORS.iter().filter(|&&factor| side / factor >= SMALLEST).count().max(1);
            let factor = |i: usize| FACTORS[stream.below_at(i as u64, able as u64) as usize];
            let images = (0..n).map(|i| reduced(&target.narrow(0, i, 1)?, factor(i)));
            (Tensor::cat(&images.collect::<Result<Vec<_>>>()?, 0)?, target.clone())
        }
        Task::Inpainting => (with_holes(target, &draws.stream(HOLE))?, target.clone()),
        Task::Segmentation => {
            let reason = "segmentation needs maps of classes beside the images".to_owned();
            return Err(PspError::Config { reason });
        }
    };
    Ok(Pair { input, target })
}

/// Images of which every other, at random, is mirrored.
fn mirrored(images: &Tensor, stream: &Stream) -> Result<Tensor> {
    let (n, _, _, w) = images.dims4()?;
    let backwards: Vec<u32> = (0..w as u32).rev().collect();
    let backwards = Tensor::from_vec(backwards, w, images.device())?;
    let one = |i: usize| {
        let image = images.narrow(0, i, 1)?.contiguous()?;
        let flip = stream.bits_at(i as u64)[0] & 1 == 1;
        if flip { image.index_select(&backwards, 3) } else { Ok(image) }
    };
    Tensor::cat(&(0..n).map(one).collect::<Result<Vec<_>>>()?, 0)
}

/// A drawing of images `[N, C, H, W]` in [-1, 1]: `[N, 1, H, W]` in [0, 1], white with dark lines where an image is darker than its
/// surroundings (grey over blurred grey).
///
/// # Errors
/// Images of no dimension.
pub fn drawing(images: &Tensor) -> Result<Tensor> {
    let (_, channels, h, w) = images.dims4()?;
    let colours = images.narrow(1, 0, if channels >= 3 { 3 } else { 1 })?;
    // A little above black, where a quotient would say nothing.
    let grey = colours.mean_keepdim(1)?.affine(0.5, 0.55)?;
    let blurred = Resampler::new(blur(h), blur(w)).apply(&grey.contiguous()?)?;
    (grey / blurred)?.clamp(0.0, 1.0)
}

fn blur(side: usize) -> Axis {
    Axis::gaussian(side, (side as f64 * LINE).max(1.0))
}

/// Images reduced by a factor and enlarged again, both bicubic; what is left of a small image.
///
/// # Errors
/// Images of no dimension.
pub fn reduced(images: &Tensor, factor: usize) -> Result<Tensor> {
    let (_, _, h, w) = images.dims4()?;
    let there_and_back = |side: usize| {
        let small = (side / factor.max(1)).max(1);
        Axis::bicubic(side, small).then(&Axis::bicubic(small, side))
    };
    Resampler::new(there_and_back(h), there_and_back(w)).apply(images)
}

/// Images with a rectangle of grey, a quarter to a half of each side, at random.
fn with_holes(images: &Tensor, stream: &Stream) -> Result<Tensor> {
    let (n, _, h, w) = images.dims4()?;
    let mut mask = vec![1f32; n * h * w];
    for (i, mask) in mask.chunks_exact_mut(h * w).enumerate() {
        let side = |side: usize, at: u64| {
            let length = (side / 4 + stream.below_at(at, (side / 4) as u64 + 1) as usize).max(1);
            (stream.below_at(at + 1, (side - length) as u64 + 1) as usize, length)
        };
        let ((top, height), (left, width)) = (side(h, 4 * i as u64), side(w, 4 * i as u64 + 2));
        for row in mask.chunks_exact_mut(w).skip(top).take(height) {
            row[left..left + width].fill(0.0);
        }
    }
    images.broadcast_mul(&Tensor::from_vec(mask, (n, 1, h, w), images.device())?)
}

/// Maps of classes, bytes `[n, height, width]`, as one channel a class `[n, classes, height, width]` of zeros and ones.
///
/// # Errors
/// [`PspError::Mask`] where a byte is no class, naming the first.
pub fn one_hot(
    maps: &[u8],
    (n, height, width): (usize, usize, usize),
    classes: usize,
    device: &Device,
) -> std::result::Result<Tensor, PspError> {
    let area = height * width;
    if maps.len() != n * area {
        let problem = format!("{} values for {n} maps of {height}x{width}", maps.len());
        return Err(PspError::Mask { problem });
    }
    let mut values = vec![0f32; maps.len() * classes];
    for (at, &class) in maps.iter().enumerate() {
        let (image, place) = (at / area, at % area);
        if usize::from(class) >= classes {
            let (row, column) = (place / width, place % width);
            let problem = format!(
                "class {class} at row {row}, column {column} of map {image}, where classes are 0 to {}",
                classes.saturating_sub(1)
            );
            return Err(PspError::Mask { problem });
        }
        values[(image * classes + usize::from(class)) * area + place] = 1.0;
    }
    Ok(Tensor::from_vec(values, (n, classes, height, width), device)?)
}

/// Images resized to a square: bicubic, smoothed where they get smaller. Maps of classes are to be resized before they are one-hot.
///
/// # Errors
/// Images of no dimension.
pub fn resized(images: &Tensor, size: usize) -> Result<Tensor> {
    let (_, _, h, w) = images.dims4()?;
    Resampler::new(Axis::bicubic(h, size), Axis::bicubic(w, size)).apply(images)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stylegan_testkit::{assert_same_bits, synthetic};

    const DRAWS: InputDraws = InputDraws { seed: 3, step: 5 };

    fn images() -> Tensor {
        synthetic("images", (6, 3, 32, 32), 0.0, 0.5)
    }

    #[test]
    fn every_task_but_segmentation_makes_its_pair() {
        for task in Task::ALL.into_iter().filter(|task| *task != Task::Segmentation) {
            let pair = pair_of(task, &images(), DRAWS).unwrap();
            let channels = task.input_channels(3, 0);
            assert_eq!(pair.input.dims(), [6, channels, 32, 32], "{task}");
            assert_eq!(pair.target.dims(), [6, 3, 32, 32], "{task}");
            let again = pair_of(task, &images(), DRAWS).unwrap();
            assert_same_bits("the same draws", &pair.input, &again.input);
        }
        assert!(pair_of(Task::Segmentation, &images(), DRAWS).is_err());
    }

    #[test]
    fn frontalisation_mirrors_both_independently() -> Result<()> {
        let draws = |step| InputDraws { seed: 1, step };
        let same = |a: &Tensor, b: &Tensor| -> Result<bool> {
            Ok((a - b)?.abs()?.sum_all()?.to_scalar::<f32>()? == 0.0)
        };
        let (mut agree, mut differ) = (0, 0);
        for step in 0..4 {
            let pair = pair_of(Task::Frontalisation, &images(), draws(step)).unwrap();
            for i in 0..6 {
                let (input, target) = (pair.input.get(i)?, pair.target.get(i)?);
                if same(&input, &target)? { agree += 1 } else { differ += 1 }
            }
        }
        assert!(agree > 4 && differ > 4, "{agree} {differ}");
        Ok(())
    }

    #[test]
    fn a_drawing_of_a_flat_image_is_white_and_of_an_edge_is_not() -> Result<()> {
        let flat = Tensor::full(0.3f32, (1, 3, 32, 32), &Device::Cpu)?;
        let white = drawing(&flat)?.flatten_all()?.to_vec1::<f32>()?;
        assert!(white.iter().all(|v| (v - 1.0).abs() < 1e-4));
        let edge = Tensor::cat(&[flat.narrow(3, 0, 16)?, flat.narrow(3, 0, 16)?.neg()?], 3)?;
        let drawn = drawing(&edge)?.flatten_all()?.to_vec1::<f32>()?;
        assert!(drawn[16] < 0.9 && drawn[0] > 0.99, "{} {}", drawn[16], drawn[0]);
        Ok(())
    }

    #[test]
    fn holes_are_grey_and_leave_the_rest() -> Result<()> {
        let images = Tensor::ones((4, 3, 32, 32), candle_core::DType::F32, &Device::Cpu)?;
        let pair = pair_of(Task::Inpainting, &images, DRAWS).unwrap();
        for i in 0..4 {
            let grey = 3.0 * 1024.0 - pair.input.get(i)?.sum_all()?.to_scalar::<f32>()?;
            assert!((3.0 * 64.0..=3.0 * 256.0).contains(&grey), "{grey}");
        }
        Ok(())
    }

    #[test]
    fn classes_become_channels_and_strangers_are_named() {
        let x = one_hot(&[0, 2, 1, 1], (1, 2, 2), 3, &Device::Cpu).unwrap();
        let x = x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(x, [1., 0., 0., 0., 0., 0., 1., 1., 0., 1., 0., 0.]);
        let error = one_hot(&[0, 2, 7, 1], (1, 2, 2), 3, &Device::Cpu).unwrap_err().to_string();
        assert!(
            error.contains("class 7 at row 1, column 0") && error.contains("0 to 2"),
            "{error}"
        );
        assert!(one_hot(&[0], (1, 2, 2), 3, &Device::Cpu).is_err());
    }

    #[test]
    fn a_reduction_by_one_is_the_image() -> Result<()> {
        assert_same_bits("by one", &reduced(&images(), 1)?, &images());
        let small = reduced(&images(), 8)?;
        assert_eq!(small.dims(), images().dims());
        Ok(())
    }
}
