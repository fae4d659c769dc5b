//! One set of 24 pictures in four formats, made by the official tools: all give the same.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests stop at what they did not expect, as tests do"
)]

use std::path::{Path, PathBuf};

use stylegan_dataset::{Dataset, OpenOptions, Source, SourceOptions, open, open_source, silent};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/datasets").join(name)
}

fn source(name: &str, side: Option<usize>) -> Box<dyn Source> {
    let options = SourceOptions { side, ..SourceOptions::default() };
    open_source(golden(name).to_str().unwrap(), &options).unwrap()
}

fn data(name: &str, side: usize) -> Box<dyn Dataset> {
    let options = OpenOptions { resolution: (side, side), ..OpenOptions::default() };
    open(golden(name).to_str().unwrap(), &options, &silent).unwrap()
}

fn pixels(data: &dyn Dataset) -> Vec<Vec<u8>> {
    (0..data.len()).map(|index| data.get(index).unwrap().image.data).collect()
}

#[test]
fn four_formats_give_the_same_pixels() {
    let folder = pixels(data("folder", 32).as_ref());
    assert_eq!(folder.len(), 24);
    assert_eq!(pixels(data("stylegan2_ada.zip", 32).as_ref()), folder);
    assert_eq!(pixels(data("tfrecords", 32).as_ref()), folder);
    // These JPEGs halve the resolution of colour: at sharp edges values are far off (by 81 at most in
    // another decoder, by 1.9 on average).
    let lmdb = pixels(data("rosinality.lmdb", 32).as_ref());
    assert_eq!(lmdb.len(), 24);
    for (found, wanted) in lmdb.iter().flatten().zip(folder.iter().flatten()) {
        assert!(found.abs_diff(*wanted) < 96, "{found} for {wanted}");
    }
    let error = |a: &[Vec<u8>]| {
        let pairs = a.iter().flatten().zip(folder.iter().flatten());
        pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / (24.0 * 3072.0)
    };
    assert!(error(&lmdb) < 3.0, "{}", error(&lmdb));
}

#[test]
fn formats_with_labels_give_the_same_labels() {
    let (zip, records) = (source("stylegan2_ada.zip", None), source("tfrecords", None));
    for index in 0..24 {
        let class = Some(index % 3);
        assert_eq!(zip.labels().class(index), class);
        assert_eq!(records.labels().class(index), class);
    }
    assert_eq!(zip.labels(), records.labels());
    assert_eq!(data("tfrecords", 32).label_dim(), 3);
}

#[test]
fn a_stored_level_is_read_as_it_is() {
    // The official tool's levels are means of the larger ones, rounded.
    let large = data("tfrecords", 32);
    let small = data("tfrecords", 8);
    for index in 0..24 {
        let large = large.get(index).unwrap().image.data;
        let means = stylegan_dataset::box_downscale(&large, (32, 32), 4).unwrap();
        let means: Vec<u8> = means.iter().map(|mean| mean.round_ties_even() as u8).collect();
        assert_eq!(small.get(index).unwrap().image.data, means);
    }
    assert!(source("rosinality.lmdb", Some(8)).describe().ends_with("size 8"));
    assert!(source("rosinality.lmdb", Some(9)).describe().ends_with("size 16"));
    assert!(source("rosinality.lmdb", Some(64)).describe().ends_with("size 32"));
}
