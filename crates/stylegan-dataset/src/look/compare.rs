//! How two collections differ, picture by picture in their order.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::dataset::Progress;
use crate::source::Source;

/// How two collections differ.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Difference {
    /// Pictures of each.
    pub images: [usize; 2],
    /// Pairs of pictures with other sizes, or of which one cannot be read.
    pub unlike: Vec<(String, String)>,
    /// Pairs of the same size whose pixels differ.
    pub differing: usize,
    /// The names of the first such pair.
    pub first: Option<(String, String)>,
    /// The largest difference of a value, 0 to 255.
    pub largest: u8,
    /// The mean of all differences.
    pub mean: f64,
    /// Pairs with other labels.
    pub labels: usize,
    /// Lengths of the labels.
    pub label_dims: [usize; 2],
}

impl Difference {
    /// Whether pixels and labels are the same.
    pub fn is_none(&self) -> bool {
        self.images[0] == self.images[1]
            && self.unlike.is_empty()
            && self.differing == 0
            && self.labels == 0
            && self.label_dims[0] == self.label_dims[1]
    }
}

/// Compares picture by picture, all as RGB (with alpha if both have it), and label by label.
pub fn compare(a: &dyn Source, b: &dyn Source, progress: &(dyn Fn(Progress) + Sync)) -> Difference {
    let total = a.len().min(b.len());
    let done = AtomicUsize::new(0);
    let pairs: Vec<Result<(u64, u8, usize), ()>> = (0..total)
        .into_par_iter()
        .map(|index| {
            let pair = pair(a, b, index);
            progress(Progress { done: 1 + done.fetch_add(1, Ordering::Relaxed), total });
            pair
        })
        .collect();
    let (label_a, label_b) = (a.labels(), b.labels());
    let mut difference = Difference {
        images: [a.len(), b.len()],
        label_dims: [label_a.dim(), label_b.dim()],
        ..Difference::default()
    };
    let (mut sum, mut values) = (0u128, 0u128);
    for (index, pair) in pairs.into_iter().enumerate() {
        let names = || (a.name(index), b.name(index));
        match pair {
            Err(()) => difference.unlike.push(names()),
            Ok((total, largest, count)) => {
                sum += u128::from(total);
                values += count as u128;
                difference.largest = difference.largest.max(largest);
                if largest > 0 {
                    difference.differing += 1;
                    difference.first.get_or_insert_with(names);
                }
            }
        }
        if label_a.dim() == label_b.dim() && label_a.get(index) != label_b.get(index) {
            difference.labels += 1;
        }
    }
    difference.mean = sum as f64 / (values as f64).max(1.0);
    difference
}

/// The sum and the largest of the differences of two pictures, and of how many values.
fn pair(a: &dyn Source, b: &dyn Source, index: usize) -> Result<(u64, u8, usize), ()> {
    let read = |source: &dyn Source| source.read(index).and_then(|raw| raw.decode(None));
    let (a, b) = (read(a).map_err(drop)?, read(b).map_err(drop)?);
    let channels = if a.channels == 4 && b.channels == 4 { 4 } else { 3 };
    let (a, b) = (a.with_channels(channels), b.with_channels(channels));
    if (a.width, a.height) != (b.width, b.height) {
        return Err(());
    }
    let differences = a.data.iter().zip(&b.data).map(|(a, b)| a.abs_diff(*b));
    let sum = differences.clone().map(u64::from).sum();
    Ok((sum, differences.max().unwrap_or_default(), a.data.len()))
}
