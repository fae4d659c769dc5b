//! Snapshot folders: whole or absent, the newest valid one found.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor};
use stylegan_checkpoint::{CheckpointError, Snapshots, load, save};

#[cfg(test)]
fn fill(value: f32) -> impl FnOnce(&Path) -> Result<(), CheckpointError> {
    move |folder| {
        let tensor = Tensor::new(&[value; 64], &Device::Cpu).unwrap();
        for name in ["generator.safetensors", "discriminator.safetensors"] {
            save(&folder.join(name), [("value", &tensor)], &BTreeMap::new())?;
        }
        Ok(())
    }
}

#[cfg(test)]
fn write(snapshots: &Snapshots, number: u64, value: f32) {
    snapshots.write(number, &(number * 1000), fill(value)).unwrap();
}

#[cfg(test)]
fn value(snapshots: &Snapshots) -> f32 {
    let snapshot = snapshots.recover().unwrap().snapshot.unwrap();
    let checkpoint = load(&snapshot.file("generator.safetensors")).unwrap();
    checkpoint.tensors["value"].to_vec1::<f32>().unwrap()[0]
}

#[cfg(test)]
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn the_newest_is_found_with_its_state() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::new(folder.path().join("snapshots"));
    assert!(snapshots.recover().unwrap().snapshot.is_none());
    for number in [120, 2, 1_000_000] {
        write(&snapshots, number, number as f32);
    }
    assert_eq!(snapshots.numbers().unwrap(), [2, 120, 1_000_000]);
    let newest = snapshots.recover().unwrap().snapshot.unwrap();
    assert_eq!((newest.number, newest.state::<u64>().unwrap()), (1_000_000, 1_000_000_000));
    assert!(newest.state::<String>().is_err());
}

#[test]
fn damaged_snapshots_are_named_and_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::new(folder.path());
    for number in 1..=5 {
        write(&snapshots, number, number as f32);
    }
    let file = |number: u64, name: &str| folder.path().join(format!("{number:06}")).join(name);
    let cut = file(5, "generator.safetensors");
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let flipped = file(4, "discriminator.safetensors");
    let mut bytes = fs::read(&flipped).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&flipped, bytes).unwrap();
    fs::remove_file(file(3, "generator.safetensors")).unwrap();
    fs::write(file(2, "state.json"), "{").unwrap();

    let recovery = snapshots.recover().unwrap();
    assert_eq!(recovery.snapshot.unwrap().number, 1);
    let skipped = &recovery.skipped;
    assert!(matches!(&skipped[0], CheckpointError::Truncated { path, .. } if *path == cut));
    assert!(matches!(&skipped[1], CheckpointError::Malformed { path, .. } if *path == flipped));
    assert!(matches!(&skipped[2], CheckpointError::Io { .. }));
    assert!(matches!(&skipped[3], CheckpointError::Malformed { .. }));
    assert_eq!(skipped.len(), 4);
}

#[test]
fn a_failure_leaves_the_last_good_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::new(folder.path());
    write(&snapshots, 7, 1.0);
    let failed = snapshots.write(7, &(), |path| {
        fill(2.0)(path)?;
        // As a full disk would.
        save(&path.join("absent/optimizer.safetensors"), [], &BTreeMap::new())
    });
    assert!(matches!(failed, Err(CheckpointError::Io { .. })));
    assert_eq!(value(&snapshots), 1.0);
    assert_eq!(names(folder.path()), ["000007"]);
}

#[test]
fn a_snapshot_of_the_same_number_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::new(folder.path());
    write(&snapshots, 7, 1.0);
    write(&snapshots, 7, 2.0);
    assert_eq!(value(&snapshots), 2.0);
    assert_eq!(names(folder.path()), ["000007"]);
}

#[test]
fn what_a_kill_leaves_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::new(folder.path());
    write(&snapshots, 7, 1.0);
    // Killed while writing number 8, and between the two renames that replace number 7.
    fs::create_dir(folder.path().join(".new-000008")).unwrap();
    fs::write(folder.path().join(".new-000008/generator.safetensors"), "part").unwrap();
    fs::rename(folder.path().join("000007"), folder.path().join(".old-000007")).unwrap();
    assert_eq!(value(&snapshots), 1.0);
    assert_eq!(names(folder.path()), ["000007"]);
}

#[test]
fn pruning_keeps_the_newest_and_the_listed() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::new(folder.path());
    for number in 1..=6 {
        write(&snapshots, number, 0.0);
    }
    assert!(snapshots.prune(0, &[]).unwrap().is_empty());
    assert_eq!(snapshots.prune(2, &[3]).unwrap(), [1, 2, 4]);
    assert_eq!(snapshots.numbers().unwrap(), [3, 5, 6]);
}
