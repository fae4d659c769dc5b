//! Files: round trips, damage, strictness.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use stylegan_checkpoint::{CheckpointError, inspect, load, save};

#[cfg(test)]
fn tensors() -> BTreeMap<String, Tensor> {
    let cpu = &Device::Cpu;
    let ramp = |n: usize| Tensor::arange(0f32, n as f32, cpu).unwrap();
    BTreeMap::from([
        ("a.bias".to_owned(), ramp(3)),
        ("a.weight".to_owned(), ramp(12).reshape((3, 4)).unwrap()),
        ("half".to_owned(), ramp(5).to_dtype(DType::F16).unwrap()),
        ("brain".to_owned(), ramp(5).to_dtype(DType::BF16).unwrap()),
        ("bytes".to_owned(), ramp(7).to_dtype(DType::U8).unwrap()),
        ("double".to_owned(), ramp(2).to_dtype(DType::F64).unwrap()),
        ("scalar".to_owned(), Tensor::new(7u32, cpu).unwrap()),
        ("step".to_owned(), Tensor::new(&[-1i64], cpu).unwrap()),
        // Not contiguous.
        ("turned".to_owned(), ramp(6).reshape((2, 3)).unwrap().t().unwrap()),
        ("empty".to_owned(), Tensor::zeros((0, 3), DType::F32, cpu).unwrap()),
    ])
}

fn metadata() -> BTreeMap<String, String> {
    BTreeMap::from([
        ("b".to_owned(), "2 \"quoted\"\nü".to_owned()),
        ("a".to_owned(), "1".to_owned()),
    ])
}

#[cfg(test)]
fn written(folder: &Path) -> PathBuf {
    let path = folder.join("model.safetensors");
    let tensors = tensors();
    save(&path, tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)), &metadata()).unwrap();
    path
}

#[cfg(test)]
fn text(tensor: &Tensor) -> String {
    let flat = tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap();
    format!("{:?} {:?} {:?}", tensor.dtype(), tensor.dims(), flat.to_vec1::<f64>().unwrap())
}

#[test]
fn what_is_saved_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let loaded = load(&written(folder.path())).unwrap();
    assert_eq!(loaded.metadata, metadata());
    let describe = |tensors: &BTreeMap<String, Tensor>| {
        tensors.iter().map(|(name, tensor)| (name.clone(), text(tensor))).collect::<Vec<_>>()
    };
    assert_eq!(describe(&loaded.tensors), describe(&tensors()));
}

#[test]
fn the_reference_readers_agree() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let bytes = fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("a.weight").unwrap().shape(), [3, 4]);
    let by_candle = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    for (name, tensor) in tensors() {
        assert_eq!(text(&by_candle[&name]), text(&tensor), "{name}");
    }
}

#[test]
fn equal_contents_make_equal_files() {
    let folder = tempfile::tempdir().unwrap();
    let forwards = fs::read(written(folder.path())).unwrap();
    let path = folder.path().join("backwards.safetensors");
    let tensors = tensors();
    let reversed = tensors.iter().rev().map(|(name, tensor)| (name.as_str(), tensor));
    save(&path, reversed, &metadata()).unwrap();
    assert_eq!(forwards, fs::read(path).unwrap());
}

#[test]
fn inspection_tells_names_types_and_shapes() {
    let folder = tempfile::tempdir().unwrap();
    let found = inspect(&written(folder.path())).unwrap();
    assert_eq!(found.metadata, metadata());
    let weight = &found.tensors["a.weight"];
    assert_eq!((weight.dtype.as_str(), weight.bytes), ("F32", 48));
    assert_eq!((weight.shape.as_slice(), weight.elements()), (&[3, 4][..], 12));
}

#[test]
fn every_truncation_is_noticed_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(written(folder.path())).unwrap();
    let path = folder.path().join("cut.safetensors");
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = load(&path).unwrap_err();
        assert!(matches!(error, CheckpointError::Truncated { .. }), "{length}: {error}");
        assert!(error.to_string().contains("cut.safetensors"));
    }
}

#[test]
fn other_damage_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(written(folder.path())).unwrap();
    let path = folder.path().join("bad.safetensors");
    let load_bytes = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let error = load(&path).unwrap_err();
        assert!(matches!(error, CheckpointError::Malformed { .. }), "{error:?}");
        error.to_string()
    };
    assert!(load_bytes(&[bytes.as_slice(), b"more"].concat()).contains("4 bytes follow"));
    assert!(load_bytes(b"\x89PNG\r\n\x1a\n and so on").contains("does not start"));
    let mut broken = bytes.clone();
    broken[8] = b'[';
    assert!(load_bytes(&broken).contains("header"));
    // A shape that its place in the file contradicts.
    let at = bytes.windows(5).position(|window| window == b"[3,4]").unwrap();
    let mut wrong = bytes.clone();
    wrong[at + 3] = b'5';
    assert!(load_bytes(&wrong).contains("`a.weight`"));
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = load(&folder.path().join("absent.safetensors")).unwrap_err();
    assert!(matches!(error, CheckpointError::Io { .. }));
    assert!(error.to_string().contains("absent.safetensors"));
}

#[test]
fn names_must_be_unique() {
    let folder = tempfile::tempdir().unwrap();
    let tensor = Tensor::new(1f32, &Device::Cpu).unwrap();
    let path = folder.path().join("twice.safetensors");
    let twice = save(&path, [("a", &tensor), ("a", &tensor)], &BTreeMap::new());
    assert!(matches!(twice, Err(CheckpointError::Name { name }) if name == "a"));
    let reserved = save(&path, [("__metadata__", &tensor)], &BTreeMap::new());
    assert!(matches!(reserved, Err(CheckpointError::Name { .. })));
    assert!(!path.exists());
}

#[test]
fn all_differences_are_listed_together() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = load(&written(folder.path())).unwrap();
    let shapes: BTreeMap<&str, Vec<usize>> =
        checkpoint.tensors.iter().map(|(name, t)| (name.as_str(), t.dims().to_vec())).collect();
    let require = |shapes: &BTreeMap<&str, Vec<usize>>| {
        checkpoint.require(shapes.iter().map(|(name, shape)| (*name, shape.as_slice())))
    };
    require(&shapes).unwrap();

    let mut other = shapes.clone();
    other.insert("a.weight", vec![4, 4]);
    other.insert("b.weight", vec![1]);
    other.remove("half");
    let error = require(&other).unwrap_err();
    let CheckpointError::Mismatch { mismatch, .. } = &error else { panic!("{error}") };
    assert_eq!(mismatch.missing, ["b.weight"]);
    assert_eq!(mismatch.unexpected, ["half"]);
    assert_eq!(mismatch.shapes[0].found, [3, 4]);
    for part in ["model.safetensors", "b.weight", "half", "expected [4, 4], found [3, 4]"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}
