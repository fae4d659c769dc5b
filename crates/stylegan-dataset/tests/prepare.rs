//! Preparation from end to end: every level, every format, interrupted and damaged.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests stop at what they did not expect, as tests do"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use stylegan_dataset::look::compare;
use stylegan_dataset::prepare::{Format, Prepared, working_folder};
use stylegan_dataset::{
    Dataset, DatasetError, Loader, LoaderConfig, Native, OpenOptions, PrepareOptions, Source,
    SourceOptions, open, open_source, prepare, silent,
};
use tempfile::TempDir;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/datasets").join(name)
}

fn source(path: &Path) -> Box<dyn Source> {
    open_source(path.to_str().unwrap(), &SourceOptions::default()).unwrap()
}

fn at(side: usize) -> PrepareOptions {
    PrepareOptions { resolution: (side, side), ..PrepareOptions::default() }
}

fn run(from: &Path, to: &Path, options: &PrepareOptions) -> Result<Prepared, DatasetError> {
    let source = source(from);
    let never = AtomicBool::new(false);
    prepare(source.as_ref(), source.labels(), None, to, options, &silent, &never)
}

fn picture(path: &Path, width: u32, height: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let pixel = |x, y| image::Rgb([(x * 9) as u8, (y * 7) as u8, (x * y) as u8]);
    image::RgbImage::from_fn(width, height, pixel).save(path).unwrap();
}

#[test]
fn every_level_is_that_of_the_official_tool() {
    let dir = TempDir::new().unwrap();
    let set = dir.path().join("set");
    let prepared = run(&golden("stylegan2_ada.zip"), &set, &at(32)).unwrap();
    assert_eq!((prepared.images, prepared.channels, prepared.label_dim), (24, 3, 3));
    let native = Native::open(&set).unwrap();
    for (level, side) in [(0, 32), (1, 16), (2, 8), (3, 4)] {
        let options = SourceOptions { side: Some(side), ..SourceOptions::default() };
        let records = open_source(golden("tfrecords").to_str().unwrap(), &options).unwrap();
        for index in 0..24 {
            let wanted = records.read(index).unwrap().decode(None).unwrap().to_planes();
            assert_eq!(native.pixels(index, level).unwrap(), wanted.data, "{index} at {side}");
        }
    }
    assert_eq!(native.name(5), "00000/img00000005.png");
    assert!(native.verify(&silent).is_none());
    assert!(!working_folder(&set).exists());
}

#[test]
fn all_formats_hold_the_same() {
    let dir = TempDir::new().unwrap();
    let original = source(&golden("stylegan2_ada.zip"));
    for (name, format) in
        [("set", Format::Native), ("set.zip", Format::AdaZip), ("records", Format::Tfrecords)]
    {
        let to = dir.path().join(name);
        run(&golden("stylegan2_ada.zip"), &to, &PrepareOptions { format, ..at(32) }).unwrap();
        let found = compare(original.as_ref(), source(&to).as_ref(), &silent);
        assert!(found.is_none(), "{name}: {found:?}");
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().flatten().collect();
        assert!(left.iter().all(|entry| !entry.path().to_string_lossy().contains("partial")));
    }
    // What is exported prepares to the same content again, names aside.
    let records = dir.path().join("records/records-r02.tfrecords");
    assert_eq!(fs::read(records).unwrap().len(), 2352);
}

#[test]
fn an_interrupted_preparation_continues_to_the_same_set() {
    let dir = TempDir::new().unwrap();
    let images = dir.path().join("images");
    for index in 0..200 {
        picture(&images.join(format!("{index:03}.png")), 8 + index % 3, 8 + index % 3);
    }
    let options = PrepareOptions { shuffle: Some(3), ..at(8) };
    let whole = run(&images, &dir.path().join("whole"), &options).unwrap();

    let (to, stop, seen) = (dir.path().join("set"), AtomicBool::new(false), AtomicUsize::new(0));
    let source = source(&images);
    let watch = |_| {
        if seen.fetch_add(1, Ordering::Relaxed) == 70 {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let labels = source.labels();
    let error = prepare(source.as_ref(), labels, None, &to, &options, &watch, &stop).unwrap_err();
    assert!(matches!(error, DatasetError::Stopped { done: 128, total: 200 }), "{error}");
    assert!(error.hint().is_some() && !to.exists() && working_folder(&to).is_dir());
    // What a stop in the middle of a write would leave is cut off.
    let pixels = working_folder(&to).join("pixels-8x8");
    let mut torn = fs::read(&pixels).unwrap();
    torn.extend([1, 2, 3]);
    fs::write(&pixels, torn).unwrap();

    let rest = run(&images, &to, &options).unwrap();
    assert_eq!((rest.continued, rest.images), (128, 200));
    assert_eq!(rest.content, whole.content);
    assert!(Native::open(&to).unwrap().verify(&silent).is_none());

    // Another preparation does not continue it.
    let error = run(&images, &to, &options).unwrap_err();
    assert!(matches!(error, DatasetError::Exists { .. }), "{error}");
}

#[test]
fn damage_is_found_and_named() {
    let dir = TempDir::new().unwrap();
    let set = dir.path().join("set");
    run(&golden("folder"), &set, &at(32)).unwrap();
    for file in ["pixels-32x32", "pixels-4x4", "digests", "names"] {
        let path = set.join(file);
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        let at = whole.len() / 2;
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let damage = Native::open(&set).unwrap().verify(&silent);
        assert_eq!(damage.images.len(), 1, "{file}: {damage:?}");
        assert_eq!(damage.digests, file == "digests");
        fs::write(&path, &whole[..at]).unwrap();
        match Native::open(&set) {
            Ok(set) => assert!(file == "names" && !set.verify(&silent).is_none()),
            Err(error) => assert!(error.to_string().contains(file), "{error}"),
        }
        fs::write(&path, &whole).unwrap();
    }
    assert!(Native::open(&set).unwrap().verify(&silent).is_none());
}

#[test]
fn a_bad_image_leaves_nothing_or_is_skipped() {
    let dir = TempDir::new().unwrap();
    let images = dir.path().join("images");
    picture(&images.join("a.png"), 8, 8);
    picture(&images.join("b.png"), 8, 9);
    image::GrayImage::new(8, 8).save(images.join("c.png")).unwrap();
    fs::write(images.join("d.png"), "no picture").unwrap();
    let to = dir.path().join("set");
    let error = run(&images, &to, &at(8)).unwrap_err().to_string();
    assert!(error.contains("b.png: it is 8 wide and 9 high, not square"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let prepared = run(&images, &to, &PrepareOptions { skip_bad: true, ..at(8) }).unwrap();
    assert_eq!(prepared.images, 1);
    let names: Vec<_> = prepared.bad.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["b.png", "c.png", "d.png"]);
    assert!(prepared.bad[1].1.contains("--channels 3"), "{:?}", prepared.bad);
}

#[test]
fn formats_that_cannot_hold_it_are_refused_at_once() {
    let dir = TempDir::new().unwrap();
    let to = dir.path().join("set");
    for (resolution, channels) in [((24, 24), 3), ((32, 16), 3), ((32, 32), 4)] {
        let options = PrepareOptions {
            resolution,
            channels: Some(channels),
            format: Format::AdaZip,
            ..PrepareOptions::default()
        };
        let error = run(&golden("folder"), &to, &options).unwrap_err();
        assert!(matches!(error, DatasetError::Settings { .. }), "{error}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn the_loader_reads_the_level_that_is_asked_for() {
    let dir = TempDir::new().unwrap();
    let set = dir.path().join("set");
    run(&golden("stylegan2_ada.zip"), &set, &at(32)).unwrap();
    let options = OpenOptions { resolution: (32, 32), ..OpenOptions::default() };
    let data: Arc<dyn Dataset> = Arc::from(open(set.to_str().unwrap(), &options, &silent).unwrap());
    assert_eq!((data.levels(), data.label_dim()), (4, 3));
    for workers in [0, 2] {
        let config = LoaderConfig { workers, mirror: true, ..LoaderConfig::default() };
        let mut loader = Loader::new(Arc::clone(&data), config.clone()).unwrap();
        let mut large = Loader::new(Arc::clone(&data), config).unwrap();
        for level in [3, 3, 2, 0, 9] {
            let batch = loader.next_batch_at(7, level).unwrap();
            let whole = large.next_batch(7).unwrap();
            assert_eq!(batch.level, level.min(3));
            assert_eq!((batch.height, batch.width), (32 >> batch.level, 32 >> batch.level));
            assert_eq!(batch.images.len(), 7 * 3 * batch.height * batch.width);
            assert_eq!((&batch.indices, &batch.mirrored), (&whole.indices, &whole.mirrored));
            let means = whole.downscale(1 << batch.level).unwrap();
            let means: Vec<u8> = means.iter().map(|mean| mean.round_ties_even() as u8).collect();
            assert_eq!(batch.images, means);
        }
    }
    // A stored level is a data set of its own; one that is not stored is made on the way.
    for (side, levels) in [(16, 3), (24, 1)] {
        let options = OpenOptions { resolution: (side, side), ..OpenOptions::default() };
        let data = open(set.to_str().unwrap(), &options, &silent).unwrap();
        assert_eq!((data.resolution(), data.levels(), data.len()), ((side, side), levels, 24));
    }
}
