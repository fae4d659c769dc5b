//! Finding codes of images and changing them, on untrained models of both generations.

use std::fs;
use std::path::Path;

use stylegan::GeneratorConfig;

use crate::harness::{lines, refused, size, tiny_model, tiny_model_of, xtask};

/// Draws a seed of the model, to have an image of its own.
fn image(folder: &Path, model: &str) -> String {
    let args = ["generate", "--model", model, "--seeds", "7", "--out", "images"];
    lines(folder, args).remove(0)
}

#[test]
fn an_image_is_found_and_its_codes_are_edited() {
    for config in [GeneratorConfig::config_f(), GeneratorConfig::stylegan2_e()] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let model = tiny_model_of(folder, config);
        let model = model.to_str().unwrap();
        let image = image(folder, model);
        let search =
            ["project", "--model", model, "--image", &image, "--steps", "30", "--out", "found"];
        for (distance, name) in [("lpips", "in place of LPIPS"), ("features", "random features")] {
            let random = ["--distance", distance, "--random-features", "4", "--json", "--force"];
            let found = lines(folder, search.iter().chain(&random)).remove(0);
            let found: serde_json::Value = serde_json::from_str(&found).unwrap();
            assert!(found["distance_of"].as_str().unwrap().contains(name), "{found}");
            assert!(found["distance"].as_f64() < found["start"].as_f64(), "{found}");
        }
        let written = lines(folder, search.iter().chain(&["--json", "--force"]));
        let found: serde_json::Value = serde_json::from_str(&written[0]).unwrap();
        let number = |key: &str| found[key].as_f64().unwrap();
        assert!(number("distance") < number("start"), "{found}");
        assert_eq!((&found["space"], &found["distance_of"]), (&"w+".into(), &"pixels".into()));
        for name in ["codes.safetensors", "projection.png", "target.png", "projection.gif"] {
            assert!(folder.join("found").join(name).is_file(), "{name}");
        }
        assert_eq!(size(&folder.join("found/projection.gif")), (32, 16));
        assert!(fs::read(folder.join("found/target.png")).unwrap().len() > 50);

        let codes = "found/codes.safetensors";
        let edit =
            ["edit", "--model", model, "--codes", codes, "--strength", "0,2", "--out", "edits"];
        let edit = |more: &[&str]| lines(folder, edit.iter().chain(more));
        let written = edit(&["--direction", "factor-0", "--save-directions", "--save-codes"]);
        assert_eq!(written, ["edits/edit-factor-0.png", "edits/edit-factor-0.safetensors"]);
        assert_eq!(size(&folder.join("edits/edit-factor-0.png")), (32, 16));
        // Without strength, the edit draws what was found.
        let grid = image::open(folder.join("edits/edit-factor-0.png")).unwrap().to_rgb8();
        let found = image::open(folder.join("found/projection.png")).unwrap().to_rgb8();
        assert!((0..16).all(|y| (0..16).all(|x| grid.get_pixel(x, y) == found.get_pixel(x, y))));
        assert!(
            (0..16).any(|y| (0..16).any(|x| grid.get_pixel(x + 16, y) != found.get_pixel(x, y)))
        );

        // Directions that were saved are read, and edits of edits are edits.
        let again =
            ["--directions", "edits/directions.safetensors", "--animate", "--layers", "0-2"];
        let written = edit(&again);
        assert_eq!(written, ["edits/edit-factor-0-1.png", "edits/edit-factor-0.gif"]);
        let chained = ["edit", "--model", model, "--codes", "edits/edit-factor-0.safetensors"];
        assert_eq!(lines(folder, chained).len(), 4, "the first factors");
    }
}

#[test]
fn seeds_are_edited_in_rows() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    let model = model.to_str().unwrap();
    let args = ["edit", "--model", model, "--seeds", "1-3", "--direction", "factor-1"];
    let more = ["--orthogonal-to", "factor-0", "--strength", "-1,0,1,2", "--factor-layers", "2-4"];
    let written = lines(folder.path(), args.iter().chain(&more));
    assert_eq!(written, ["out/edit-factor-1-without-factor-0.png"]);
    assert_eq!(size(&folder.path().join(&written[0])), (4 * 16, 3 * 16));
}

#[test]
fn a_table_of_labelled_seeds_gives_directions() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let model = tiny_model(folder);
    let model = model.to_str().unwrap();
    fs::write(folder.join("labels.csv"), "seed,smile,all\n1,1,1\n2,0,1\n3,1,1\n").unwrap();
    let edit = ["edit", "--model", model, "--seeds", "1,2", "--labelled", "labels.csv"];
    // All seeds have the other attribute, which therefore gives no direction.
    assert_eq!(lines(folder, edit), ["out/edit-smile.png"]);
    let asked = xtask(folder, edit.iter().chain(&["--direction", "all"]));
    refused(&asked, &["no direction `all`", "`smile`"]);
    fs::write(folder.join("labels.csv"), "seed,smile\n1,maybe\n").unwrap();
    refused(&xtask(folder, edit), &["labels.csv", "line 2", "`maybe`"]);
}

#[test]
fn bad_input_is_the_users_mistake_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let model = tiny_model(folder);
    let model = model.to_str().unwrap().to_owned();
    let image = image(folder, &model);
    let search = ["project", "--model", &model, "--image", &image, "--steps", "2", "--space", "w"];
    lines(folder, search);
    let edit = |more: &[&str]| {
        xtask(folder, ["edit", "--model", &model, "--out", "edits"].iter().chain(more))
    };
    refused(
        &edit(&["--direction", "smile"]),
        &["no direction `smile`", "none is known", "factor-0"],
    );
    refused(&edit(&["--direction", "factor-8"]), &["factor 8", "has 0 to 7"]);
    refused(&edit(&["--layers", "2-6"]), &["layers 2 to 6", "0 to 5"]);
    refused(&edit(&["--factor-layers", "9"]), &["layers 9 to 9", "0 to 5"]);
    refused(&edit(&["--layers", "x"]), &["no range of layers"]);
    refused(&edit(&["--codes", &model]), &["holds no codes", "stylegan.codes.model"]);
    refused(&edit(&["--labelled", "out/codes.safetensors"]), &["have no labels"]);
    refused(&edit(&["--directions", &model]), &["has shape", "8 components"]);
    refused(
        &edit(&["--direction", "factor-1", "--orthogonal-to", "factor-1"]),
        &["nothing is left"],
    );

    // Codes of a model of the same shape, with other weights.
    let other = folder.join("other");
    fs::create_dir(&other).unwrap();
    let other = tiny_model_of(&other, GeneratorConfig::config_d());
    let codes = ["edit", "--model", other.to_str().unwrap(), "--codes", "out/codes.safetensors"];
    refused(
        &xtask(folder, codes.iter().chain(&["--out", "edits"])),
        &["codes of another model", "fingerprint"],
    );
    assert!(!folder.join("edits").exists(), "nothing is left behind");

    let search = |more: &[&str]| {
        xtask(folder, ["project", "--model", &model, "--out", "found"].iter().chain(more))
    };
    refused(&search(&["--image", "none.png"]), &["none.png"]);
    refused(&search(&["--image", &model]), &["tiny.safetensors"]);
    refused(&search(&["--image", &image, "--class", "1"]), &["without labels"]);
    refused(&search(&["--image", &image, "--rate", "-1"]), &["above 0"]);
    let lpips = ["--image", &image, "--distance", "lpips", "--weights", "vgg16=missing.pth"];
    refused(&search(&lpips), &["missing.pth"]);
    assert!(!folder.join("found").exists(), "nothing is left behind");
}
