//! Tensors made from a name: the formula that the golden cases were computed with.

use candle_core::{Device, Shape, Tensor};

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// The first `count` values of the synthetic tensor `name`, row-major.
///
/// A uniform distribution with the given mean and standard deviation: the name's FNV-1a hash and the
/// element's index pass through the finalizer of SplitMix64, whose upper 24 bits make a number in
/// [0, 1). Computed in `f64`, rounded once to `f32`.
pub fn synthetic_values(name: &str, count: usize, mean: f64, std: f64) -> Vec<f32> {
    let hash =
        name.bytes().fold(FNV_OFFSET, |h, byte| (h ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
    let root_three = 3f64.sqrt();
    (1..=count as u64)
        .map(|position| {
            let mut x = hash.wrapping_add(position.wrapping_mul(GOLDEN_GAMMA));
            x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            x ^= x >> 31;
            let unit = (x >> 40) as f64 / (1u64 << 24) as f64;
            (mean + std * (2.0 * unit - 1.0) * root_three) as f32
        })
        .collect()
}

/// The synthetic tensor `name` as `f32` on the CPU: values of [`synthetic_values`] in `shape`.
///
/// # Panics
/// If candle cannot make the tensor.
pub fn synthetic(name: &str, shape: impl Into<Shape>, mean: f64, std: f64) -> Tensor {
    let shape = shape.into();
    let values = synthetic_values(name, shape.elem_count(), mean, std);
    Tensor::from_vec(values, shape, &Device::Cpu)
        .unwrap_or_else(|error| panic!("synthetic tensor {name}: {error}"))
}

/// [`synthetic`] in `f64` (the same numbers: rounded to `f32`, then widened), for gradient checks.
///
/// # Panics
/// If candle cannot make the tensor.
pub fn synthetic_f64(name: &str, shape: impl Into<Shape>, mean: f64, std: f64) -> Tensor {
    let shape = shape.into();
    let values = synthetic_values(name, shape.elem_count(), mean, std);
    let values: Vec<f64> = values.into_iter().map(f64::from).collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
        .unwrap_or_else(|error| panic!("synthetic tensor {name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_values_follow_the_published_formula() {
        // h("") is the offset basis itself; the finalizer of SplitMix64 seeded with it, by hand.
        let mut x = FNV_OFFSET.wrapping_add(GOLDEN_GAMMA);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^= x >> 31;
        let expected = ((x >> 40) as f64 / 16_777_216.0 * 2.0 - 1.0) * 3f64.sqrt() * 0.5 + 2.0;
        assert_eq!(synthetic_values("", 1, 2.0, 0.5), vec![expected as f32]);
    }

    #[test]
    fn moments_are_the_requested_ones() {
        let values = synthetic_values("moments", 1 << 16, 3.0, 2.0);
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>()
            / values.len() as f64;
        assert!((mean - 3.0).abs() < 0.03, "mean {mean}");
        assert!((variance.sqrt() - 2.0).abs() < 0.02, "std {}", variance.sqrt());
    }

    #[test]
    fn names_give_different_tensors() {
        assert_ne!(synthetic_values("a", 8, 0.0, 1.0), synthetic_values("b", 8, 0.0, 1.0));
    }
}
