//! Confidence intervals by the bootstrap (Efron 1979), the percentile method.

use serde::{Deserialize, Serialize};
use stylegan_ops::random::Stream;

/// The stream of random numbers that samples are drawn again with.
const STREAM: u32 = 0xb007;

/// Times that samples are drawn again.
const ROUNDS: u64 = 1000;

/// Where a figure would lie in 95 of 100 repetitions with other samples of the same size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The interval of the mean of `values`; none for fewer than two.
pub fn of_mean(values: &[f64], seed: u64) -> Option<Interval> {
    of(values.len(), seed, |sample| {
        sample.iter().map(|&index| values[index]).sum::<f64>() / sample.len() as f64
    })
}

/// The interval of any statistic of `count` samples, which gets the indices that were drawn (with repetition); none for fewer than two.
pub fn of(count: usize, seed: u64, statistic: impl Fn(&[usize]) -> f64) -> Option<Interval> {
    if count < 2 {
        return None;
    }
    let mut sample = vec![0; count];
    let mut values: Vec<f64> = (0..ROUNDS)
        .map(|round| {
            let stream = Stream::new(seed, round, STREAM);
            for (index, drawn) in sample.iter_mut().enumerate() {
                *drawn = stream.below_at(index as u64, count as u64) as usize;
            }
            statistic(&sample)
        })
        .collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[(share * (values.len() - 1) as f64).round() as usize];
    Some(Interval { low: at(0.025), high: at(0.975) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_is_about_two_standard_errors_wide() {
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
        let interval = of_mean(&values, 1).unwrap();
        // Standard error 0.5 / sqrt(400) = 0.025.
        assert!((interval.low - 0.451).abs() < 0.01, "{interval:?}");
        assert!((interval.high - 0.549).abs() < 0.01, "{interval:?}");
        assert_eq!(of_mean(&values, 1), Some(interval));
    }

    #[test]
    fn equal_values_have_an_interval_of_no_width_and_one_value_has_none() {
        assert_eq!(of_mean(&[3.0; 5], 0), Some(Interval { low: 3.0, high: 3.0 }));
        assert_eq!(of_mean(&[3.0], 0), None);
    }
}
