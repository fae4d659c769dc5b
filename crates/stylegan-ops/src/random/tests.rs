//! Known answers, accuracy, moments and tails, random access, threads.

use candle_core::{Device, Result, Tensor};
use proptest::prelude::*;
use stylegan_testkit::assert_same_at_any_thread_count;

use super::Stream;
use super::transform::{Distribution, Normal, ln, sin_cos_turn};

fn values(tensor: Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn moment(values: &[f32], power: i32) -> f64 {
    values.iter().map(|&v| f64::from(v).powi(power)).sum::<f64>() / values.len() as f64
}

#[test]
fn known_answers_of_the_publication() {
    // Counter [index, id, step low, step high], key [seed low, seed high].
    let answer = |counter: [u32; 4], key: [u32; 2]| {
        let wide = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        let stream = Stream::new(wide(key[0], key[1]), wide(counter[2], counter[3]), counter[1]);
        stream.bits_at(u64::from(counter[0]))
    };
    assert_eq!(answer([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
    assert_eq!(
        answer([u32::MAX; 4], [u32::MAX; 2]),
        [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
    );
    assert_eq!(
        answer([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
    );
}

#[test]
fn the_first_normal_numbers_are_these_bits() {
    // Written down once: another machine, compiler or vector width must give the same.
    let got = values(Stream::new(1, 2, 3).normal(6, &Device::Cpu).unwrap());
    let bits: Vec<u32> = got.iter().map(|v| v.to_bits()).collect();
    let scalar: Vec<u32> = (0..2u64)
        .flat_map(|block| Normal::block(Stream::new(1, 2, 3).bits_at(block)))
        .map(f32::to_bits)
        .take(6)
        .collect();
    assert_eq!(bits, scalar);
    assert_eq!(bits, FIRST_BITS, "{got:?} {bits:#x?}");
}

const FIRST_BITS: [u32; 6] =
    [0xbeb0_a14b, 0x3e70_07e0, 0xbfb8_312d, 0x3fce_1dfe, 0x3ee8_108d, 0x3f89_0e4c];

#[test]
fn logarithm_is_within_a_millionth() {
    let mut worst = 0f64;
    for step in 0..200_000u32 {
        // Every magnitude that occurs, and many mantissas of each.
        let bits = 0x2f80_0000 + ((u64::from(step) * 0x1000_0000) / 200_000) as u32;
        let x = f32::from_bits(bits).min(1.0);
        let exact = f64::from(x).ln();
        let error = (f64::from(ln(x)) - exact).abs();
        worst = worst.max(if exact == 0.0 { error } else { error / exact.abs() });
    }
    assert!(worst < 1e-6, "{worst:e}");
    assert_eq!(ln(1.0), 0.0);
}

#[test]
fn sine_and_cosine_are_within_a_millionth() {
    let mut worst = 0f64;
    for step in 0..200_001u32 {
        let angle = step.wrapping_mul(0x9E37_79B9).wrapping_add(step & 1);
        let (sine, cosine) = sin_cos_turn(angle);
        // Around the nearest quarter, where double precision is exact enough for relative errors.
        let exact = f64::from(angle) / 2f64.powi(31) * std::f64::consts::PI;
        for (got, exact) in [(sine, exact.sin()), (cosine, exact.cos())] {
            if exact.abs() > 1e-8 {
                worst = worst.max(((f64::from(got) - exact) / exact).abs());
            }
        }
    }
    assert!(worst < 1e-6, "{worst:e}");
    assert_eq!(sin_cos_turn(0), (0.0, 1.0));
    assert_eq!(sin_cos_turn(1 << 30), (1.0, 0.0));
    assert_eq!(sin_cos_turn(1 << 31), (0.0, -1.0));
    assert_eq!(sin_cos_turn(3 << 30), (-1.0, 0.0));
}

#[test]
fn normal_numbers_have_the_moments_and_tails_of_the_distribution() {
    let count = 1 << 20;
    let x = values(Stream::new(42, 0, 0).normal(count, &Device::Cpu).unwrap());
    // Five standard errors of each moment's estimate.
    let allowed = |variance: f64| 5.0 * (variance / count as f64).sqrt();
    assert!(moment(&x, 1).abs() < allowed(1.0));
    assert!((moment(&x, 2) - 1.0).abs() < allowed(2.0));
    assert!(moment(&x, 3).abs() < allowed(15.0));
    assert!((moment(&x, 4) - 3.0).abs() < allowed(96.0));
    for (bound, share) in
        [(1.0, 0.317_310_5), (2.0, 0.045_500_26), (3.0, 0.002_699_8), (4.0, 6.334e-5)]
    {
        let beyond = x.iter().filter(|v| v.abs() > bound).count() as f64 / count as f64;
        let error = 5.0 * (share / count as f64).sqrt();
        assert!((beyond - share).abs() < error, "beyond {bound}: {beyond:e}, expected {share:e}");
    }
    assert!(x.iter().all(|v| v.abs() < 6.7));
    // Neighbours come from one block; they must not be correlated.
    for distance in 1..5 {
        let product: f64 = x.windows(distance + 1).map(|w| f64::from(w[0] * w[distance])).sum();
        assert!((product / count as f64).abs() < allowed(1.0), "distance {distance}");
    }
}

#[test]
fn the_extreme_words_give_finite_numbers() {
    for a in [0, 1, u32::MAX, u32::MAX - 1, 1 << 31] {
        for b in [0, 1, u32::MAX, 1 << 29, 1 << 30, 3 << 30] {
            let [x, y, ..] = Normal::block([a, b, 0, 0]);
            assert!(x.is_finite() && y.is_finite() && x.hypot(y) < 6.7, "{a} {b}: {x} {y}");
        }
    }
}

#[test]
fn uniform_numbers_fill_the_interval() {
    let count = 1 << 18;
    let x = values(Stream::new(42, 1, 0).uniform(count, &Device::Cpu).unwrap());
    assert!(x.iter().all(|v| (0.0..1.0).contains(v)));
    let allowed = 5.0 * (1.0 / 12.0 / count as f64).sqrt();
    assert!((moment(&x, 1) - 0.5).abs() < allowed);
    let mut bins = [0usize; 16];
    x.iter().for_each(|v| bins[(v * 16.0) as usize] += 1);
    let expected = count as f64 / 16.0;
    let chi: f64 = bins.iter().map(|&n| (n as f64 - expected).powi(2) / expected).sum();
    // 15 degrees of freedom: 44 has a chance of one in ten thousand.
    assert!(chi < 44.0, "{chi}");
}

#[test]
fn salt_and_pepper_has_unit_variance() {
    let count = 1 << 18;
    let x = values(Stream::new(3, 0, 0).salt_and_pepper(count, &Device::Cpu).unwrap());
    assert!(moment(&x, 1).abs() < 5.0 / (count as f64).sqrt());
    assert!((moment(&x, 2) - 1.0).abs() < 5.0 * (7.0 / count as f64).sqrt());
    let kinds: std::collections::BTreeSet<u32> = x.iter().map(|v| v.abs().to_bits()).collect();
    assert_eq!(kinds.len(), 2);
}

#[test]
fn seed_step_id_and_index_all_matter() {
    let first = |seed, step, id| Stream::new(seed, step, id).bits_at(5);
    let all = [
        first(1, 2, 3),
        first(2, 2, 3),
        first(1 << 32, 2, 3),
        first(1, 3, 3),
        first(1, 2 << 40, 3),
        first(1, 2, 4),
        Stream::new(1, 2, 3).bits_at(6),
        Stream::new(1, 2, 3).bits_at(5 + (1 << 32)),
    ];
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn single_numbers_are_uniform() {
    let stream = Stream::new(9, 0, 0);
    let mut bins = [0usize; 7];
    for index in 0..70_000 {
        bins[stream.below_at(index, 7) as usize] += 1;
        assert!((0.0..1.0).contains(&stream.uniform_at(index)));
    }
    let chi: f64 = bins.iter().map(|&n| (n as f64 - 10_000.0).powi(2) / 10_000.0).sum();
    assert!(chi < 28.0, "{chi}"); // 6 degrees of freedom, one in ten thousand
    assert_eq!((stream.below_at(0, 0), stream.below_at(0, 1)), (0, 0));
}

#[test]
fn a_permutation_holds_every_number_once() {
    for len in [0, 1, 2, 1000] {
        let mut order = Stream::new(1, 0, 0).permutation(len);
        if len == 1000 {
            assert_ne!(order, (0..len).collect::<Vec<_>>());
            assert_ne!(order, Stream::new(1, 1, 0).permutation(len));
        }
        order.sort_unstable();
        assert_eq!(order, (0..len).collect::<Vec<_>>());
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let stream = Stream::new(1, 2, 3);
    assert_same_at_any_thread_count("random numbers", || {
        let (normal, uniform) =
            (stream.normal(100_003, &Device::Cpu), stream.uniform(100_003, &Device::Cpu));
        Ok(vec![normal?, uniform?, stream.salt_and_pepper((7, 5001), &Device::Cpu)?])
    });
}

#[test]
fn an_empty_shape_is_an_empty_tensor() -> Result<()> {
    assert_eq!(Stream::new(0, 0, 0).normal((0, 3), &Device::Cpu)?.dims(), [0, 3]);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_element_does_not_depend_on_the_shape(len in 1usize..40_000, seed: u64, step: u64, id: u32) {
        let stream = Stream::new(seed, step, id);
        let all = values(stream.normal(len, &Device::Cpu).unwrap());
        for i in [0, len / 3, len / 2, len - 1] {
            let block = Normal::block(stream.bits_at(i as u64 / 4));
            prop_assert_eq!(all[i].to_bits(), block[i % 4].to_bits());
        }
    }
}
