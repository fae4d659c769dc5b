//! Folders of images, good and bad.

use std::fs;
use std::path::Path;

use crate::harness::{refused, tiny_config, xtask};

/// Writes `count` pictures of 16 by 16 pixels.
fn pictures(folder: &Path, count: u8) {
    fs::create_dir_all(folder).unwrap();
    for number in 0..count {
        let pixels = vec![number * 20; 16 * 16 * 3];
        let path = folder.join(format!("{number}.png"));
        image::save_buffer(path, &pixels, 16, 16, image::ColorType::Rgb8).unwrap();
    }
}

fn train(folder: &Path, more: &[&str]) -> crate::harness::Ran {
    let short = ["train", "--config", "tiny.toml", "--kimg", "0.02", "--data", "images"];
    xtask(folder, short.iter().chain(more))
}

#[test]
fn folders_without_images_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    tiny_config(folder.path());
    refused(&train(folder.path(), &[]), &["images", "no such file or folder"]);
    fs::create_dir(folder.path().join("images")).unwrap();
    refused(&train(folder.path(), &[]), &["no image in images"]);
    fs::write(folder.path().join("images/notes.txt"), "").unwrap();
    refused(&train(folder.path(), &[]), &["no image in images"]);
    for (data, said) in
        [("tiny.toml", "cannot take tiny.toml for a data set"), ("faces:none", "faces:none")]
    {
        refused(&xtask(folder.path(), ["train", "--data", data]), &[said]);
    }
    assert!(!folder.path().join("runs").exists(), "a run was begun");
}

#[test]
fn bad_images_are_named_or_skipped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    tiny_config(folder.path());
    let images = folder.path().join("images");
    pictures(&images, 8);
    let whole = fs::read(images.join("3.png")).unwrap();
    fs::write(images.join("3.png"), &whole[..whole.len() / 2]).unwrap();
    fs::write(images.join("5.png"), "no picture").unwrap();
    refused(&train(folder.path(), &[]), &["2 of 8 images cannot be read", "3.png", "--skip-bad"]);
    assert!(!folder.path().join("runs").exists(), "a run was begun");

    let ran = train(folder.path(), &["--skip-bad"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("warning: ") && ran.err.contains("3.png"), "{}", ran.err);
}

#[test]
fn images_smaller_than_the_resolution_are_counted_in_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    tiny_config(folder.path());
    pictures(&folder.path().join("images"), 6);
    let ran = train(folder.path(), &["--resolution", "32"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let warning = ran.err.lines().find(|line| line.starts_with("warning: ") && line.contains('6'));
    assert!(warning.is_some_and(|line| line.contains("smaller")), "{}", ran.err);
}

#[test]
fn classes_are_sub_folders_and_seeds_draw_them() {
    let folder = tempfile::tempdir().unwrap();
    tiny_config(folder.path());
    for class in ["cats", "dogs"] {
        pictures(&folder.path().join("images").join(class), 5);
    }
    let ran = train(folder.path(), &["--classes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let said = ["no label `fish`", "cats, dogs"];
    refused(&xtask(folder.path(), ["generate", "--class", "fish"]), &said);
    for more in [&[][..], &["--class", "dogs"], &["--with", "1", "--without", "cats"]] {
        let args = [&["generate", "--seeds", "0,1"], more].concat();
        let ran = xtask(folder.path(), args);
        assert_eq!(ran.out.lines().count(), 2, "{more:?}: {}", ran.err);
    }

    fs::copy(folder.path().join("images/cats/0.png"), folder.path().join("images/stray.png"))
        .unwrap();
    refused(&train(folder.path(), &["--classes"]), &["stray.png"]);
}
