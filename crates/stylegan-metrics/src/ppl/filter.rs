//! The mean without the outliers.

/// Distances between the percentiles 1 and 99, and their mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Filtered {
    /// The mean of what is kept.
    pub mean: f64,
    /// The distances that are kept, in their order.
    pub kept: Vec<f64>,
    /// The smallest distance that is kept.
    pub low: f64,
    /// The largest one.
    pub high: f64,
}

/// Leaves out what is below the percentile 1 or above the percentile 99, and takes the mean. A percentile that falls between two
/// distances is the outer one of them, and bounds are kept (numpy's methods "lower" and "higher"). `None` for no distances.
pub fn filter(distances: &[f64]) -> Option<Filtered> {
    let mut sorted = distances.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    // In whole numbers: a product of floats may fall beside the whole number that it is.
    let (low, high) = (sorted[last / 100], sorted[(99 * last).div_ceil(100)]);
    let kept: Vec<f64> = distances.iter().copied().filter(|&d| low <= d && d <= high).collect();
    let mean = kept.iter().sum::<f64>() / kept.len() as f64;
    Some(Filtered { mean, kept, low, high })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentiles_are_the_outer_neighbours_and_stay() {
        // 0 to 100: the percentiles fall on 1 and 99.
        let distances: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        let filtered = filter(&distances).unwrap();
        assert_eq!((filtered.low, filtered.high, filtered.kept.len()), (1.0, 99.0, 99));
        assert_eq!((filtered.mean, filtered.kept[0]), (50.0, 99.0));
        // 0 to 149: they fall on 1.49 and 147.51, so on 1 and 148.
        let distances: Vec<f64> = (0..150).map(f64::from).collect();
        let filtered = filter(&distances).unwrap();
        assert_eq!((filtered.low, filtered.high), (1.0, 148.0));
        assert_eq!(filter(&[3.0]).unwrap().mean, 3.0);
        assert_eq!(filter(&[]), None);
    }
}
