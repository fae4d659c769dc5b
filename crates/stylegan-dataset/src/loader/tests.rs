use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;
use crate::dataset::{Image, Sample};

/// Pictures of 2x3 that hold their own number, with the number as label.
#[derive(Default)]
struct Numbers {
    len: usize,
    /// Fails on this picture until told otherwise.
    bad: Mutex<Option<usize>>,
    /// Ends in a panic on this picture.
    panics: Option<usize>,
    reads: AtomicUsize,
}

impl Numbers {
    fn new(len: usize) -> Self {
        Self { len, ..Self::default() }
    }
}

impl Dataset for Numbers {
    fn len(&self) -> usize {
        self.len
    }
    fn resolution(&self) -> (usize, usize) {
        (2, 3)
    }
    fn channels(&self) -> usize {
        1
    }
    fn label_dim(&self) -> usize {
        1
    }
    fn get(&self, index: usize) -> Result<Sample, DatasetError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if *self.bad.lock().unwrap() == Some(index) {
            return Err(DatasetError::BadImage {
                name: format!("{index}.png"),
                reason: "torn".into(),
            });
        }
        assert_ne!(self.panics, Some(index), "as the test wants");
        let data = vec![1, 2, 3, 4, 5, index as u8];
        Ok(Sample {
            image: Image { width: 3, height: 2, channels: 1, data },
            label: vec![index as f32],
        })
    }
    fn mirror_label(&self, label: &mut [f32]) {
        label[0] = -label[0];
    }
    fn fingerprint(&self) -> String {
        format!("numbers-{}", self.len)
    }
    fn describe(&self) -> String {
        String::from("numbers")
    }
}

fn loader_config(workers: usize) -> LoaderConfig {
    LoaderConfig { seed: 5, mirror: true, workers, prefetch: 7, ..LoaderConfig::default() }
}

fn loader(data: Arc<Numbers>, workers: usize) -> Loader {
    Loader::new(data, loader_config(workers)).unwrap()
}

proptest! {
    #[test]
    fn each_picture_once_an_epoch(seed: u64, len in 1usize..600, epoch in 0u64..1_000_000) {
        let order = Order::new(seed, len);
        let start = epoch * len as u64;
        let seen: HashSet<usize> = (start..start + len as u64).map(|p| order.index(p)).collect();
        prop_assert_eq!(seen.len(), len);
        prop_assert!(seen.iter().all(|&index| index < len));
    }

    #[test]
    fn loaders_share_batches_of_any_sizes(
        len in 1usize..40,
        of in 1usize..5,
        sizes in proptest::collection::vec(0usize..20, 1..8),
        skip in 0u64..60,
        workers in 0usize..3,
    ) {
        let mut whole = loader(Arc::new(Numbers::new(len)), 0);
        whole.seek(skip);
        let mut shares: Vec<Loader> = (0..of)
            .map(|index| {
                let share = Share { index, of };
                let config = LoaderConfig { share, ..loader_config(workers) };
                Loader::new(Arc::new(Numbers::new(len)), config).unwrap()
            })
            .collect();
        for share in &mut shares {
            share.next_batch(5).unwrap();
            share.seek(skip);
        }
        for n in sizes {
            let all = whole.next_batch(n).unwrap();
            let mut joined = Batch::empty(shares[0].dataset().as_ref(), all.position, n, 0);
            for share in &mut shares {
                let batch = share.next_batch(n).unwrap();
                prop_assert_eq!(batch.position, all.position + joined.n as u64);
                joined.n += batch.n;
                joined.images.extend(batch.images);
                joined.labels.extend(batch.labels);
                joined.indices.extend(batch.indices);
                joined.mirrored.extend(batch.mirrored);
            }
            prop_assert_eq!(joined, all);
        }
    }

    #[test]
    fn the_same_batches_after_a_seek_with_any_threads(
        len in 1usize..40,
        sizes in proptest::collection::vec(0usize..20, 1..8),
        skip in 0usize..60,
        workers in 0usize..4,
    ) {
        let mut whole = loader(Arc::new(Numbers::new(len)), 0);
        let total: usize = sizes.iter().sum();
        whole.next_batch(skip).unwrap();
        let all = whole.next_batch(total).unwrap();

        let mut parts = loader(Arc::new(Numbers::new(len)), workers);
        parts.next_batch(3).unwrap();
        parts.seek(skip as u64);
        let mut joined = Batch::empty(parts.dataset().clone().as_ref(), skip as u64, total, 0);
        for n in sizes {
            prop_assert_eq!(parts.position(), skip as u64 + joined.n as u64);
            let batch = parts.next_batch(n).unwrap();
            prop_assert_eq!(batch.n, n);
            joined.n += n;
            joined.images.extend(batch.images);
            joined.labels.extend(batch.labels);
            joined.indices.extend(batch.indices);
            joined.mirrored.extend(batch.mirrored);
        }
        prop_assert_eq!(joined, all);
    }
}

#[test]
fn epochs_and_seeds_have_orders_of_their_own() {
    let epoch = |seed, n: u64| -> Vec<usize> {
        let order = Order::new(seed, 100);
        (n * 100..n * 100 + 100).map(|p| order.index(p)).collect()
    };
    assert_ne!(epoch(0, 0), epoch(0, 1));
    assert_ne!(epoch(0, 0), epoch(1, 0));
    assert_ne!(epoch(0, 0), (0..100).collect::<Vec<_>>());
}

#[test]
fn a_picture_is_as_likely_in_one_place_as_in_another() {
    // Where picture 0 of 10 stands over 4000 epochs: 400 times in each place, give or take 20.
    let order = Order::new(9, 10);
    let mut places = [0i32; 10];
    for epoch in 0..4000u64 {
        let place = (0..10).find(|i| order.index(epoch * 10 + i) == 0).unwrap();
        places[place as usize] += 1;
    }
    assert!(places.iter().all(|count| (count - 400).abs() < 100), "{places:?}");
}

#[test]
fn mirrors_half_of_the_pictures_and_their_labels() {
    let batch = loader(Arc::new(Numbers::new(50)), 2).next_batch(1000).unwrap();
    let mirrored = batch.mirrored.iter().filter(|&&m| m).count();
    assert!((400..600).contains(&mirrored), "{mirrored}");
    for (i, &index) in batch.indices.iter().enumerate() {
        let (image, number) = (&batch.images[6 * i..6 * i + 6], index as u8);
        if batch.mirrored[i] {
            assert_eq!(image, [3, 2, 1, number, 5, 4]);
            assert_eq!(batch.labels[i], -(index as f32));
        } else {
            assert_eq!(image, [1, 2, 3, 4, 5, number]);
            assert_eq!(batch.labels[i], index as f32);
        }
    }
}

#[test]
fn an_error_names_the_picture_and_can_be_got_over() {
    for workers in [0, 3] {
        let data = Arc::new(Numbers::new(20));
        let expected = loader(Arc::clone(&data), 0).next_batch(20).unwrap();
        *data.bad.lock().unwrap() = Some(expected.indices[11]);
        let mut loader = loader(Arc::clone(&data), workers);
        loader.next_batch(8).unwrap();
        for _ in 0..2 {
            let error = loader.next_batch(8).unwrap_err().to_string();
            assert!(error.contains(&format!("{}.png", expected.indices[11])), "{error}");
            assert_eq!(loader.position(), 8);
        }
        *data.bad.lock().unwrap() = None;
        assert_eq!(loader.next_batch(12).unwrap().indices, expected.indices[8..]);
    }
}

#[test]
fn a_panic_in_a_thread_becomes_an_error() {
    let data = Arc::new(Numbers { len: 5, panics: Some(2), ..Numbers::default() });
    let error = loader(data, 2).next_batch(5).unwrap_err();
    assert!(matches!(error, DatasetError::Worker { index: 2, .. }), "{error}");
}

#[test]
fn no_more_is_prepared_than_allowed() {
    let data = Arc::new(Numbers::new(1000));
    let mut loader = loader(Arc::clone(&data), 3);
    loader.next_batch(10).unwrap();
    drop(loader);
    // Ten delivered and seven ahead.
    assert!(data.reads.load(Ordering::Relaxed) <= 17);
    // The threads are gone: nobody else holds the data.
    assert_eq!(Arc::strong_count(&data), 1);
}

#[test]
fn an_empty_data_set_is_refused() {
    let result = Loader::new(Arc::new(Numbers::new(0)), LoaderConfig::default());
    assert!(matches!(result, Err(DatasetError::NoImages)));
}
