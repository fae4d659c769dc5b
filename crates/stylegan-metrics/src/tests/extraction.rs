//! Sources, caches and interruptions.

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;

use candle_core::{DType, Device, Tensor};
use stylegan_features::FeatureError;

use crate::{
    Extraction, Extractor, FromFn, ImageSource, MetricError, NetworkId, Silent, Watch, extract,
};

/// The means of the three channels, of the left half.
struct Means;

impl Extractor for Means {
    fn id(&self) -> NetworkId {
        NetworkId { name: "means".to_owned(), checksum: "0".to_owned(), random: None }
    }

    fn dims(&self) -> usize {
        3
    }

    fn features(&self, images: &Tensor) -> Result<Tensor, FeatureError> {
        let half = images.narrow(3, 0, images.dim(3)? / 2)?;
        Ok(half.mean((2, 3))?)
    }
}

/// Ten images: dark on the left, and as bright as their index on the right. Counts what was asked for.
fn source(asked: Rc<Cell<usize>>) -> impl ImageSource {
    FromFn::new("ten", Some(10), move |range: Range<usize>| {
        asked.set(asked.get() + range.len());
        let images = range.map(|index| {
            let dark = Tensor::full(-1f32, (1, 3, 4, 2), &Device::Cpu)?;
            let bright = Tensor::full(index as f32 / 10.0, (1, 3, 4, 2), &Device::Cpu)?;
            Tensor::cat(&[dark, bright], 3)
        });
        Ok(Tensor::cat(&images.collect::<Result<Vec<_>, _>>()?, 0)?)
    })
}

const OPTIONS: Extraction = Extraction { count: 100, batch: 3, quantise: false, mirror: false };

/// Stops after some images.
struct StopAt(usize, Cell<usize>);

impl Watch for StopAt {
    fn reached(&self, _what: &'static str, done: usize, _total: usize) {
        self.1.set(done);
    }

    fn stop(&self) -> bool {
        self.1.get() >= self.0
    }
}

#[test]
fn mirror_images_follow_the_images() {
    let mut ten = source(Rc::default());
    let features = extract(&mut ten, &Means, OPTIONS, None, &Silent).unwrap();
    assert_eq!(features.count(), 10);
    let options = Extraction { mirror: true, ..OPTIONS };
    let features = extract(&mut ten, &Means, options, None, &Silent).unwrap();
    assert_eq!(features.count(), 20);
    let rows = features.block(0..20).unwrap();
    assert_eq!(rows[3 * 7], -1.0);
    assert!((rows[3 * 17] - 0.7).abs() < 1e-5);
}

#[test]
fn an_interrupted_extraction_goes_on_and_a_finished_one_asks_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let asked = Rc::new(Cell::new(0));
    let mut ten = source(asked.clone());
    let stop = StopAt(6, Cell::new(0));
    let error = extract(&mut ten, &Means, OPTIONS, Some(folder.path()), &stop).unwrap_err();
    assert!(matches!(error, MetricError::Stopped { done: 6, total: 10, .. }), "{error}");
    let cached = extract(&mut ten, &Means, OPTIONS, Some(folder.path()), &Silent).unwrap();
    assert_eq!(asked.get(), 10);
    extract(&mut ten, &Means, OPTIONS, Some(folder.path()), &Silent).unwrap();
    assert_eq!(asked.get(), 10);
    let fresh = extract(&mut ten, &Means, OPTIONS, None, &Silent).unwrap();
    assert_eq!(cached.block(0..10).unwrap(), fresh.block(0..10).unwrap());
    // Other settings are another key.
    let options = Extraction { quantise: true, ..OPTIONS };
    extract(&mut ten, &Means, options, Some(folder.path()), &Silent).unwrap();
    assert_eq!(asked.get(), 30);
}

#[test]
fn images_that_are_not_finite_are_named_by_their_index() {
    let mut source = FromFn::new("bad", Some(10), |range: Range<usize>| {
        let values = range.map(|index| if index == 7 { f32::NAN } else { 0.0 }).collect::<Vec<_>>();
        let count = values.len();
        Ok(Tensor::from_vec(values, (count, 1, 1, 1), &Device::Cpu)?.repeat((1, 3, 4, 4))?)
    });
    let error = extract(&mut source, &Means, OPTIONS, None, &Silent).unwrap_err().to_string();
    assert_eq!(error, "image 7 of bad holds a NaN or an infinity");
}

#[test]
fn what_is_no_batch_of_images_is_refused_and_grey_ones_get_colours() {
    let mut short = FromFn::new("short", None, |_: Range<usize>| {
        Ok(Tensor::zeros((1, 3, 4, 4), DType::F32, &Device::Cpu)?)
    });
    let error = extract(&mut short, &Means, OPTIONS, None, &Silent).unwrap_err().to_string();
    assert!(error.contains("short") && error.contains("[1, 3, 4, 4]"), "{error}");
    let mut grey = FromFn::new("grey", Some(2), |range: Range<usize>| {
        Ok(Tensor::ones((range.len(), 1, 4, 4), DType::F32, &Device::Cpu)?)
    });
    let features = extract(&mut grey, &Means, OPTIONS, None, &Silent).unwrap();
    assert_eq!(features.block(0..2).unwrap().to_vec(), [1.0; 6]);
}
