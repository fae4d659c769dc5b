//! Files made to do harm, and files that came to harm: an error that names them, and nothing else.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests stop at what they did not expect, as tests do"
)]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use stylegan_dataset::{DatasetError, Native, PrepareOptions, SourceOptions, open_source, prepare};
use tempfile::TempDir;
use zip::write::{SimpleFileOptions, ZipWriter};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/datasets").join(name)
}

fn refused(path: &Path) -> String {
    let error = open_source(path.to_str().unwrap(), &SourceOptions::default()).unwrap_err();
    assert!(error.hint().is_some(), "{error}");
    error.to_string()
}

/// Opens and reads all of something; whatever is wrong with it is an error and no more.
fn read_all(path: &Path) {
    if let Ok(source) = open_source(path.to_str().unwrap(), &SourceOptions::default()) {
        for index in 0..source.len().min(64) {
            let _ = source.read(index).and_then(|raw| raw.decode(None));
            let _ = (source.name(index), source.labels().get(index));
        }
    }
}

fn zip_of(path: &Path, files: &[(&str, &[u8])], deflated: bool) {
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    let method =
        if deflated { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in files {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn archives_made_to_do_harm_are_refused() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.zip");
    let png = fs::read(golden("folder/img000.png")).unwrap();
    zip_of(&path, &[("xx/a.png", &png)], true);
    let whole = fs::read(&path).unwrap();
    read_all(&path);
    // A writer refuses such names, so the bytes of a good one are changed.
    for name in ["../a.png", "/x/a.png", "x\\/a.png", "C:/a.png"] {
        let text = String::from_utf8_lossy(&whole).into_owned();
        assert!(text.contains("xx/a.png"));
        let mut bytes = whole.clone();
        while let Some(at) = bytes.windows(8).position(|part| part == b"xx/a.png") {
            bytes[at..at + 8].copy_from_slice(name.as_bytes());
        }
        fs::write(&path, bytes).unwrap();
        let error = refused(&path);
        assert!(error.contains("outside of itself") || error.contains("a.zip"), "{name}: {error}");
    }
    // Bit 0 of the flags says that an entry is encrypted; it is in both headers.
    let mut bytes = whole.clone();
    let directory = bytes.windows(4).position(|part| part == b"PK\x01\x02").unwrap();
    bytes[6] |= 1;
    bytes[directory + 8] |= 1;
    fs::write(&path, bytes).unwrap();
    assert!(refused(&path).contains("encrypted"), "{}", refused(&path));
    // 64 MiB of zeros pack into 64 KiB.
    zip_of(&path, &[("a.png", &vec![0; 64 << 20])], true);
    assert!(refused(&path).contains("bomb"), "{}", refused(&path));
    zip_of(&path, &[("a.txt", b"x")], false);
    assert!(refused(&path).contains("no image"));
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(refused(&path).contains("a.zip"));
}

#[test]
fn labels_that_do_not_fit_are_refused() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.zip");
    let png = fs::read(golden("folder/img000.png")).unwrap();
    for (json, part) in [
        (r#"{"labels": [["a.png", 0], ["b.png", 1]]}"#, "missing; the first is b.png"),
        (r#"{"labels": [["b.png", 1]]}"#, "a.png has no label"),
        (r#"{"labels": 3}"#, "expected"),
    ] {
        zip_of(&path, &[("a.png", &png), ("dataset.json", json.as_bytes())], false);
        assert!(refused(&path).contains(part), "{}", refused(&path));
        let folder = dir.path().join("folder");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.png"), &png).unwrap();
        fs::write(folder.join("dataset.json"), json).unwrap();
        assert!(refused(&folder).contains(part), "{}", refused(&folder));
    }
}

#[test]
fn damaged_records_are_named() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a-r05.tfrecords");
    let whole = fs::read(golden("tfrecords/tfrecords-r05.tfrecords")).unwrap();
    let size = whole.len() / 24;
    let with = |at: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[at] ^= value;
        fs::write(&path, bytes).unwrap();
    };
    with(3 * size + 8, 1);
    assert!(refused(&path).contains("the checksum of record 3's length"), "{}", refused(&path));
    with(3 * size + 500, 1);
    let source = open_source(path.to_str().unwrap(), &SourceOptions::default()).unwrap();
    assert!(source.read(2).is_ok());
    assert!(source.read(3).unwrap_err().contains("checksum"));
    fs::write(&path, &whole[..whole.len() - 7]).unwrap();
    assert!(refused(&path).contains("cut short in record 23"));
    // A record whose picture is not of the size that the file's name says.
    let renamed = dir.path().join("a-r04.tfrecords");
    fs::write(&renamed, &whole).unwrap();
    let source = open_source(renamed.to_str().unwrap(), &SourceOptions::default()).unwrap();
    assert!(source.read(0).unwrap_err().contains("the file's name says 16"));
    fs::write(dir.path().join("a-rxx.labels"), b"\x93NUMPY").unwrap();
    assert!(refused(&renamed).contains("a-rxx.labels"));
}

#[test]
fn damaged_databases_are_named() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("data.mdb");
    let whole = fs::read(golden("rosinality.lmdb/data.mdb")).unwrap();
    fs::write(&path, &whole).unwrap();
    read_all(dir.path());
    let mut bytes = whole.clone();
    while let Some(at) = bytes.windows(6).position(|part| part == b"length") {
        bytes[at..at + 6].copy_from_slice(b"lenght");
    }
    fs::write(&path, bytes).unwrap();
    assert!(refused(dir.path()).contains("no key \"length\""), "{}", refused(dir.path()));
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(refused(dir.path()).contains("data.mdb"));
}

#[test]
fn idx_files_that_lie_are_refused() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("train-images-idx3-ubyte");
    let header = |sides: [u32; 3]| -> Vec<u8> {
        [0, 0, 8, 3].into_iter().chain(sides.iter().flat_map(|side| side.to_be_bytes())).collect()
    };
    for sides in [[2, 28, 28], [u32::MAX, u32::MAX, u32::MAX], [0, 28, 28], [1, 0, 5]] {
        fs::write(&path, [header(sides), vec![0; 784]].concat()).unwrap();
        assert!(refused(dir.path()).contains("train-images-idx3-ubyte"));
    }
    fs::write(&path, [header([1, 28, 28]), vec![9; 784]].concat()).unwrap();
    let source = open_source(dir.path().to_str().unwrap(), &SourceOptions::default()).unwrap();
    let image = source.read(0).unwrap().decode(None).unwrap();
    assert_eq!((image.width, image.data[0], image.data[2 * 32 + 2]), (32, 0, 9));
    let labels = dir.path().join("train-labels-idx1-ubyte");
    fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 2, 7, 7]).unwrap();
    assert!(refused(dir.path()).contains("2 labels, but there are 1 images"));
    fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 1, 7]).unwrap();
    let source = open_source(dir.path().to_str().unwrap(), &SourceOptions::default()).unwrap();
    assert_eq!((source.labels().dim(), source.labels().class(0)), (8, Some(7)));
}

#[test]
fn files_of_no_known_kind_are_told() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("x");
    for content in [&b""[..], b"hello", b"\x1f\x8bnot gzip", &[0; 100]] {
        fs::write(&path, content).unwrap();
        assert!(refused(&path).contains("cannot take"), "{}", refused(&path));
    }
}

/// Changes bytes, or cuts.
fn damaged(whole: &[u8], damage: &[(prop::sample::Index, u8)], cut: Option<f64>) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for (at, value) in damage {
        let at = at.index(bytes.len());
        bytes[at] = *value;
    }
    bytes.truncate(cut.map_or(whole.len(), |cut| (whole.len() as f64 * cut) as usize));
    bytes
}

type Damage = Vec<(prop::sample::Index, u8)>;

fn damage() -> impl Strategy<Value = (Damage, Option<f64>)> {
    let bytes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..16);
    (bytes, proptest::option::weighted(0.2, 0.0f64..1.0))
}

/// A small prepared set.
fn native(to: &Path) {
    let source =
        open_source(golden("stylegan2_ada.zip").to_str().unwrap(), &SourceOptions::default());
    let source = source.unwrap();
    let options =
        PrepareOptions { resolution: (8, 8), max_images: Some(3), ..PrepareOptions::default() };
    let never = std::sync::atomic::AtomicBool::new(false);
    prepare(source.as_ref(), source.labels(), None, to, &options, &|_| {}, &never).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_containers_do_no_harm(kind in 0usize..6, (changes, cut) in damage()) {
        let dir = TempDir::new().unwrap();
        let file = |from: &str, to: &str| {
            let whole = fs::read(golden(from)).unwrap();
            let path = dir.path().join(to);
            fs::write(&path, damaged(&whole, &changes, cut)).unwrap();
            path
        };
        match kind {
            0 => read_all(&file("stylegan2_ada.zip", "a.zip")),
            1 => read_all(&file("tfrecords/tfrecords-r03.tfrecords", "a-r03.tfrecords")),
            2 => {
                // Damage in the first pages, where the tree is.
                let whole = fs::read(golden("rosinality.lmdb/data.mdb")).unwrap();
                let (tree, rest) = whole.split_at(12 * 4096);
                let bytes = [damaged(tree, &changes, None), rest.to_vec()].concat();
                fs::write(dir.path().join("data.mdb"), bytes).unwrap();
                read_all(dir.path());
            }
            3 => read_all(&file("rosinality.lmdb/data.mdb", "data.mdb")),
            4 => {
                fs::copy(golden("tfrecords/tfrecords-r02.tfrecords"), dir.path().join("a-r02.tfrecords")).unwrap();
                file("tfrecords/tfrecords-rxx.labels", "a-rxx.labels");
                read_all(dir.path());
            }
            _ => {
                let set = dir.path().join("set");
                native(&set);
                let files = ["set.json", "names-index", "names", "labels", "digests", "pixels-8x8"];
                let path = set.join(files[changes.len() % files.len()]);
                let whole = fs::read(&path).unwrap();
                fs::write(&path, damaged(&whole, &changes, cut)).unwrap();
                read_all(&set);
                if let Ok(set) = Native::open(&set) {
                    let _ = set.verify(&|_| {});
                }
            }
        }
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400), kind in 0usize..5) {
        use stylegan_dataset::prepare::Landmarks;
        use stylegan_dataset::source::{parse_example, parse_labels, parse_npy};
        let _ = parse_example(&bytes);
        let _ = parse_npy(&[b"\x93NUMPY\x01\0", &bytes[..]].concat());
        let _ = parse_labels(&bytes);
        let _ = Landmarks::parse(&bytes);
        let dir = TempDir::new().unwrap();
        let (name, magic): (_, &[u8]) = [
            ("a.zip", &b"PK\x03\x04"[..]),
            ("a-images-idx3-ubyte", &[0, 0, 8, 3]),
            ("a.gz", &[0x1F, 0x8B, 8]),
            ("a.bin", &[3]),
            ("set.json", b"{\"format\":\"stylegan-set\","),
        ][kind];
        fs::write(dir.path().join(name), [magic, &bytes[..]].concat()).unwrap();
        read_all(&dir.path().join(name));
        read_all(dir.path());
    }
}

#[test]
fn the_error_of_a_full_disk_says_how_to_go_on() {
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let error = DatasetError::Write { path: "set".into(), source: full };
    assert!(error.hint().unwrap().contains("continues"));
}
