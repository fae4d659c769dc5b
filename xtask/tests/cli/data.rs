//! Collections of images: prepared, looked at, compared, trained on.

use std::fs;
use std::path::Path;

use crate::harness::{lines, refused, tiny_config, xtask};

/// Twelve pictures of 16 by 16 pixels in two classes, and one of another shape.
fn pictures(folder: &Path) {
    for number in 0..12u8 {
        let class = folder.join(if number % 2 == 0 { "even" } else { "odd" });
        fs::create_dir_all(&class).unwrap();
        let pixels: Vec<u8> = (0..768).map(|i| (i % 251) as u8 ^ (number * 20)).collect();
        let path = class.join(format!("{number:02}.png"));
        image::save_buffer(path, &pixels, 16, 16, image::ColorType::Rgb8).unwrap();
    }
}

#[test]
fn what_is_prepared_is_trained_on_and_extracted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    pictures(&at.join("images"));
    let prepare = ["prepare", "images", "set", "--resolution", "16", "--labels", "folders"];
    assert_eq!(lines(at, prepare), ["set"]);
    refused(&xtask(at, prepare), &["set is there already"]);
    assert!(lines(at, ["data", "check", "set"])[0].contains("all 12 images"));
    assert_eq!(lines(at, ["data", "extract", "set", "out"]), ["out"]);
    let same = lines(at, ["data", "compare", "set", "out"]);
    assert!(same[0].starts_with("12 and 12 images: 0 differ"), "{same:?}");
    let stats = lines(at, ["--json", "data", "stats", "set"]);
    assert!(stats[0].contains(r#""classes":[["even",6],["odd",6]]"#), "{stats:?}");
    let sheet = lines(at, ["data", "show", "set", "--size", "16", "--columns", "6", "--classes"]);
    let sheet = image::open(at.join(&sheet[0])).unwrap();
    assert_eq!((sheet.width(), sheet.height()), (96, 32));

    tiny_config(at);
    let train = ["train", "--config", "tiny.toml", "--kimg", "0.02", "--data", "set", "--classes"];
    let ran = xtask(at, train);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("12 images of the set set"), "{}", ran.err);
}

#[test]
fn damage_and_differences_have_exit_code_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (place, data) in [("a", "faces:6@16"), ("b", "faces:6@16")] {
        lines(at, ["prepare", data, place, "--resolution", "16"]);
    }
    lines(at, ["data", "compare", "a", "b"]);
    let pixels = at.join("b/pixels-16x16");
    let mut bytes = fs::read(&pixels).unwrap();
    bytes[3 * 768 + 5] ^= 255;
    fs::write(&pixels, bytes).unwrap();
    let ran = xtask(at, ["data", "check", "b"]);
    assert!(ran.code == Some(1) && ran.err.contains("face00000003"), "{}", ran.err);
    let ran = xtask(at, ["data", "compare", "a", "b"]);
    assert!(ran.code == Some(1) && ran.out.contains("1 differ in pixels"), "{}", ran.out);
}

#[test]
fn images_that_do_not_fit_are_named_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    pictures(&at.join("images"));
    image::GrayImage::new(16, 20).save(at.join("images/odd/wide.png")).unwrap();
    let prepare = ["prepare", "images", "set", "--resolution", "16", "--channels", "3"];
    refused(&xtask(at, prepare), &["odd/wide.png", "16 wide and 20 high", "--crop"]);
    refused(
        &xtask(at, prepare[..5].iter().chain(&["--crop", "center"])),
        &["odd/wide.png", "channels"],
    );
    refused(&xtask(at, ["prepare", "images", "set", "--resolution", "3"]), &["3x3"]);
    refused(&xtask(at, ["prepare", "nowhere", "set", "--resolution", "16"]), &["nowhere"]);
    let table = ["--labels", "labels.csv", "--crop", "pad"];
    fs::write(at.join("labels.csv"), "00.png,a\n").unwrap();
    refused(&xtask(at, prepare.iter().chain(&table)), &["labels.csv", "has no row"]);
    let left: Vec<_> = fs::read_dir(at).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    let ran = xtask(at, prepare.iter().chain(&["--skip-bad"]));
    assert!(ran.code == Some(0) && ran.err.contains("left out odd/wide.png"), "{}", ran.err);
}

#[test]
fn recipes_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let all = lines(folder.path(), ["data", "list"]);
    assert!(all.len() >= 12 && all.iter().any(|line| line.contains("Fashion-MNIST")), "{all:?}");
    let one = lines(folder.path(), ["data", "list", "mnist"]).join("\n");
    assert!(one.contains("cargo xtask prepare"), "{one}");
    refused(&xtask(folder.path(), ["data", "list", "none"]), &["there is no recipe `none`"]);
}
