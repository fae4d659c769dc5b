//! From random words to distributions, four words to four numbers.
//!
//! Logarithm, sine and cosine are polynomials of our own, fitted to least maximal error on the reduced range, so that no library's
//! rounding enters. Nothing here may be contracted to fused multiply-adds, and Rust does not do that.

use std::f32::consts::{LN_2, PI};

#[cfg(feature = "cuda")]
use super::cuda::Kind;

/// How four random words become four numbers.
pub(super) trait Distribution {
    /// The numbers of one block. A trait and not a function value, because calls through those are not inlined into vector code.
    fn block(words: [u32; 4]) -> [f32; 4];

    /// The same on a GPU.
    #[cfg(feature = "cuda")]
    const KIND: Kind;
}

/// Uniform in [0, 1), 24 bits.
pub(super) struct Uniform;

impl Distribution for Uniform {
    #[cfg(feature = "cuda")]
    const KIND: Kind = Kind::Uniform;

    #[inline(always)]
    fn block(words: [u32; 4]) -> [f32; 4] {
        words.map(|word| (word >> 8) as i32 as f32 * (1.0 / (1 << 24) as f32))
    }
}

/// One word in eight is not zero, and half of those are negative.
pub(super) struct SaltAndPepper;

impl Distribution for SaltAndPepper {
    #[cfg(feature = "cuda")]
    const KIND: Kind = Kind::SaltAndPepper;

    #[inline(always)]
    fn block(words: [u32; 4]) -> [f32; 4] {
        const HEIGHT: f32 = 2.0 * std::f32::consts::SQRT_2;
        words.map(|word| match word >> 28 {
            0 => HEIGHT,
            1 => -HEIGHT,
            _ => 0.0,
        })
    }
}

/// Two pairs of independent normal numbers.
pub(super) struct Normal;

impl Distribution for Normal {
    #[cfg(feature = "cuda")]
    const KIND: Kind = Kind::Normal;

    #[inline(always)]
    fn block([a, b, c, d]: [u32; 4]) -> [f32; 4] {
        let ((x, y), (z, w)) = (normal_pair(a, b), normal_pair(c, d));
        [x, y, z, w]
    }
}

/// The method of Box and Muller: the first word gives the radius, the second the angle.
#[inline(always)]
fn normal_pair(radius: u32, angle: u32) -> (f32, f32) {
    // In (0, 1], by a conversion from signed integers, for which there is an instruction everywhere.
    let unit = ((radius >> 1) as i32 as f32 + 0.5) * (1.0 / (1u32 << 31) as f32);
    let radius = (-2.0 * ln(unit)).sqrt();
    let (sine, cosine) = sin_cos_turn(angle);
    (radius * cosine, radius * sine)
}

/// The natural logarithm of a positive normal number.
///
/// x = 2^e m with m between the roots of 1/2 and 2, f = m - 1: ln x = e ln 2 + f - f^2/2 + f^3 p(f). The polynomial's error is 6e-9 of the result.
#[inline(always)]
pub(super) fn ln(x: f32) -> f32 {
    const P: [f32; 8] = [
        0.333_333_3,
        -0.250_008_2,
        0.200_012_27,
        -0.166_233_57,
        0.142_017_59,
        -0.131_601_82,
        0.127_615_75,
        -0.076_344_94,
    ];
    // The bits of the root of 1/2: subtracted, the exponent field counts from it.
    const ROOT_HALF: u32 = 0x3f35_04f3;
    let bits = x.to_bits();
    let exponent = (bits.wrapping_sub(ROOT_HALF) as i32) >> 23;
    let mantissa = f32::from_bits(bits.wrapping_sub((exponent << 23) as u32));
    let f = mantissa - 1.0;
    let p = horner(P, f);
    let square = f * f;
    exponent as f32 * LN_2 + (f + (f * square * p - 0.5 * square))
}

/// Sine and cosine of `angle` 2^-32 turns.
///
/// The two upper bits choose the quarter, the rest is an angle between plus and minus an eighth of a turn, exact as an integer.
#[inline(always)]
pub(super) fn sin_cos_turn(angle: u32) -> (f32, f32) {
    const S: [f32; 3] = [-0.166_666_55, 0.008_332_178, -0.000_195_172_67];
    const C: [f32; 3] = [0.041_666_655, -0.001_388_765_4, 0.000_024_463_804];
    let quarter = angle.wrapping_add(1 << 29) >> 30;
    let rest = angle.wrapping_sub(quarter << 30) as i32;
    let x = rest as f32 * (PI / (1u32 << 31) as f32);
    let square = x * x;
    let sine = x + x * square * horner(S, square);
    let cosine = 1.0 + (square * square * horner(C, square) - 0.5 * square);
    let (a, b) = if quarter & 1 == 0 { (sine, cosine) } else { (cosine, sine) };
    // Quarters 2 and 3 have a negative sine, 1 and 2 a negative cosine.
    let sine_sign = (quarter & 2) << 30;
    let cosine_sign = (quarter.wrapping_add(1) & 2) << 30;
    (f32::from_bits(a.to_bits() ^ sine_sign), f32::from_bits(b.to_bits() ^ cosine_sign))
}

/// `c[0] + c[1] x + ...`, from the highest power down.
#[inline(always)]
fn horner<const K: usize>(c: [f32; K], x: f32) -> f32 {
    let mut sum = c[K - 1];
    for k in (0..K - 1).rev() {
        sum = sum * x + c[k];
    }
    sum
}
