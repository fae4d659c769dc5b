//! One set of 24 pictures in four formats, made by the official tools: all give the same.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests stop at what they did not expect, as tests do"
)]

use std::io::Write;
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

/// Records of CIFAR-10: each picture is of one colour, with its number in the first pixel.
fn cifar(first: u8, labels: &[u8]) -> Vec<u8> {
    let record = |(number, label): (u8, &u8)| {
        let planes = [10, 20, 30].map(|colour| [vec![number], vec![colour; 1023]].concat());
        [vec![*label], planes.concat()].concat()
    };
    (first..).zip(labels).flat_map(record).collect()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn cifar_is_read_in_the_order_of_its_files_packed_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: Vec<u8>| std::fs::write(dir.path().join(name), bytes).unwrap();
    put("data_batch_2.bin.gz", gzipped(&cifar(3, &[9, 0])));
    put("data_batch_1.bin", cifar(0, &[3, 5, 8]));
    put("test_batch.bin", cifar(100, &[1]));
    put("readme.html", b"<html>".to_vec());
    let open = |name: &str| {
        let path = dir.path().join(name);
        open_source(path.to_str().unwrap(), &SourceOptions::default()).unwrap()
    };
    let whole = open("");
    assert!(whole.describe().starts_with("CIFAR-10"), "{}", whole.describe());
    assert_eq!((whole.len(), whole.labels().dim()), (5, 10));
    for (index, class) in [3, 5, 8, 9, 0].into_iter().enumerate() {
        let image = whole.read(index).unwrap().decode(None).unwrap();
        assert_eq!((image.width, image.height, image.channels), (32, 32, 3));
        let planes = image.to_planes().data;
        for (channel, colour) in [10, 20, 30].into_iter().enumerate() {
            let plane = &planes[1024 * channel..1024 * (channel + 1)];
            assert_eq!((usize::from(plane[0]), plane[1], plane[1023]), (index, colour, colour));
        }
        assert_eq!(whole.labels().class(index), Some(class));
        assert_eq!(whole.name(index), format!("{index:05}"));
    }
    // One file alone, packed or not, by its content.
    assert_eq!(open("data_batch_2.bin.gz").labels().class(0), Some(9));
    assert_eq!(open("test_batch.bin").len(), 1);
    // As a data set, enlarged, with one value a class.
    let options = OpenOptions { resolution: (64, 64), ..OpenOptions::default() };
    let data = stylegan_dataset::open(dir.path().to_str().unwrap(), &options, &silent).unwrap();
    assert_eq!((data.len(), data.get(2).unwrap().image.data.len()), (5, 3 * 64 * 64));
}

#[test]
fn cifar_that_is_cut_or_of_another_kind_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data_batch_1.bin");
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let folder = dir.path().to_str().unwrap();
        open_source(folder, &SourceOptions::default()).unwrap_err().to_string()
    };
    let whole = cifar(0, &[1, 2, 3]);
    let said = refused(&whole[..whole.len() - 5]);
    assert!(said.contains("data_batch_1.bin") && said.contains("left over"), "{said}");
    let mut other = whole.clone();
    other[2 * 3073] = 10;
    let said = refused(&other);
    assert!(said.contains("picture 2 has label 10"), "{said}");
    assert!(refused(b"").contains("data_batch_1.bin"));
}
