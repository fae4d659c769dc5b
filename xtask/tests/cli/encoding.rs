//! Encoders from the command line: a run, what encodes with it, what is refused.

use std::path::Path;

use stylegan_features::Backbone;

use crate::harness::{lines, refused, size, tiny_model, xtask, xtask_with};

/// Arguments that train for about a second; the decoder is of 16x16.
fn tiny<'a>(more: &[&'a str]) -> Vec<&'a str> {
    const BASE: [&str; 15] = [
        "train-psp",
        "--decoder",
        "tiny.safetensors",
        "--data",
        "faces:30@16",
        "--steps",
        "3",
        "--set",
        "batch=2",
        "--set",
        "encoder.backbone.base_width=16",
        "--set",
        "loss.identity=0",
        "--random-features",
        "2",
    ];
    [&BASE, more].concat()
}

fn picture(path: &Path, width: u32, height: u32) {
    image::RgbImage::from_pixel(width, height, image::Rgb([200, 150, 90])).save(path).unwrap();
}

#[test]
fn an_encoder_is_trained_resumed_and_encodes_every_image() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    tiny_model(at);
    let printed = lines(at, tiny(&["--run", "run"]));
    assert!(printed[0].ends_with("psp.safetensors"), "{printed:?}");
    // What stands in for LPIPS goes on standing in, and is called by its name.
    let on = xtask(at, ["train-psp", "--run", "run", "--steps", "5"]);
    assert!(on.code == Some(0) && on.out.contains("000005"), "{}", on.err);
    assert!(on.err.contains("random features, seed 2, in place of LPIPS"), "{}", on.err);
    assert!(on.err.contains(", random_features ") && !on.err.contains(", lpips"), "{}", on.err);
    // Nine images are a batch and one more.
    std::fs::create_dir(at.join("images")).unwrap();
    for i in 0..9 {
        picture(&at.join(format!("images/{i}.png")), 32, 32);
    }
    picture(&at.join("wide.png"), 60, 40);
    let ran = xtask(
        at,
        [
            "encode", "--psp", "run", "--image", "images", "wide.png", "--inject", "4-5",
            "--alpha", "0.5",
        ],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("wide.png: 60x40, cropped to its middle square and resized to 32x32"));
    assert!(ran.err.contains("aligns it"), "{}", ran.err);
    // Ten columns; input, output and four others.
    assert_eq!(size(&at.join("out/encoded.png")), (160, 96));
    let codes = stylegan_checkpoint::load(&at.join("out/codes.safetensors")).unwrap();
    assert_eq!(codes.tensors["ws"].dims(), [10, 6, 8]);
    // An image's codes do not depend on its batch, but for rounding.
    lines(at, ["encode", "--psp", "run", "--image", "wide.png", "--codes", "one.safetensors"]);
    let one = stylegan_checkpoint::load(&at.join("one.safetensors")).unwrap();
    let flat = |t: &candle_core::Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let of_nine = flat(&codes.tensors["ws"].narrow(0, 9, 1).unwrap());
    for (one, of_nine) in flat(&one.tensors["ws"]).iter().zip(of_nine) {
        assert!((one - of_nine).abs() < 1e-5, "{one} {of_nine}");
    }

    // The decoder stayed as it was, and takes the codes wherever it draws.
    let draw = |command: &[&str]| {
        let more = ["--model", "tiny.safetensors", "--codes", "out/codes.safetensors"];
        lines(at, command.iter().chain(&more))
    };
    let drawn = draw(&["generate", "--out", "codes"]);
    assert_eq!((drawn.len(), drawn[9].as_str()), (10, "codes/code-0009.png"));
    let outputs = image::open(at.join("out/encoded.png")).unwrap().to_rgb8();
    let ninth = image::open(at.join(&drawn[9])).unwrap().to_rgb8();
    assert!(
        ninth
            .enumerate_pixels()
            .all(|(x, y, pixel)| outputs.get_pixel(9 * 16 + x, 16 + y) == pixel)
    );
    draw(&["mix", "--cols", "1-3", "--styles", "0-1"]);
    assert_eq!(size(&at.join("out/mix.png")), (64, 11 * 16));
    assert_eq!(draw(&["edit", "--direction", "factor-0"]), ["out/edit-factor-0.png"]);
}

#[test]
fn tasks_make_their_inputs_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    tiny_model(at);
    picture(&at.join("a.png"), 16, 16);
    for task in ["sketch", "super-resolution", "inpainting"] {
        lines(at, tiny(&["--run", task, "--task", task]));
        lines(at, ["encode", "--psp", task, "--image", "a.png", "--derive"]);
        lines(at, ["encode", "--psp", task, "--image", "a.png"]);
    }
}

#[test]
fn what_cannot_be_encoded_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    tiny_model(at);
    picture(&at.join("a.png"), 16, 16);
    refused(&xtask(at, tiny(&["--task", "inversoin"])), &["no task `inversoin`", "inversion"]);
    refused(&xtask(at, tiny(&["--set", "loss.l3=1"])), &["unknown key `loss.l3`"]);
    refused(&xtask(at, tiny(&["--set", "encoder.styles=7"])), &["do not match the encoder"]);
    refused(&xtask(at, tiny(&["--task", "segmentation"])), &["maps of classes"]);
    refused(
        &xtask(at, ["encode", "--psp", "tiny.safetensors", "--image", "a.png"]),
        &["no encoder"],
    );
    refused(&xtask(at, ["encode", "--image", "a.png"]), &["no trained model"]);
    assert!(!at.join("runs").exists() && !at.join("out").exists());
    lines(at, tiny(&["--run", "run"]));
    let encode = |more: &[&str]| xtask(at, [&["encode", "--psp", "run"], more].concat());
    refused(&encode(&["--image", "a.png", "--inject", "4-6"]), &["no style 6", "0 to 5"]);
    refused(&encode(&["--image", "a.png", "--alpha", "2"]), &["--alpha"]);
    refused(&encode(&["--image", "missing.png"]), &["missing.png"]);
    refused(&xtask(at, ["train-psp", "--run", "run", "--task", "sketch"]), &["--task"]);
    let other = xtask(at, ["train-psp", "--run", "run", "--random-features", "3"]);
    refused(&other, &["--random-features already"]);
    assert!(!at.join("out").exists());
}

#[test]
fn a_perceptual_distance_needs_weights_that_fit() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    tiny_model(at);
    // The last two arguments would have random features stand in.
    let without = |more: &[&'static str]| {
        let mut args = tiny(&[]);
        args.truncate(13);
        let cache = ("STYLEGAN_CACHE", at.join("nothing"));
        xtask_with(at, args.iter().chain(more).chain(&["--run", "run"]), &[cache])
    };
    refused(&without(&[]), &["alexnet", "not on this machine", "weights fetch alexnet"]);
    refused(&without(&["--lpips", "vgg16"]), &["weights fetch vgg16", "--random-features"]);
    refused(&without(&["--lpips", "vgg19"]), &["no network `vgg19`"]);
    refused(&without(&["--weights", "alexnet=tiny.safetensors"]), &["tiny.safetensors"]);
    std::fs::write(at.join("bad.pth"), "no weights").unwrap();
    refused(&without(&["--weights", "alexnet=bad.pth"]), &["bad.pth", "weights verify alexnet"]);
    let shapes = Backbone::AlexNet.shapes();
    let weights = stylegan_features::Weights::random(&shapes, 1).unwrap();
    let named = weights.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
    let path = at.join("alexnet.safetensors");
    stylegan_checkpoint::save(&path, named, &Default::default()).unwrap();
    let small = without(&["--weights", "alexnet=alexnet.safetensors"]);
    refused(&small, &["cannot compare images of 16x16", "--random-features"]);
    assert!(!at.join("run").exists(), "nothing is left behind");
    // Without the term, nothing is asked for.
    assert_eq!(without(&["--set", "loss.lpips=0"]).code, Some(0));
}

#[test]
fn maps_that_are_not_one_hot_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    tiny_model(at);
    for (name, values) in [("images", [9, 9, 9]), ("maps", [0, 1, 5])] {
        std::fs::create_dir(at.join(name)).unwrap();
        for (i, value) in values.into_iter().enumerate() {
            let image = image::GrayImage::from_pixel(16, 16, image::Luma([value]));
            image.save(at.join(name).join(format!("{i}.png"))).unwrap();
        }
    }
    let run = |classes: &'static str| {
        let more =
            ["--task", "segmentation", "--maps", "maps", "--classes", classes, "--run", "run"];
        let mut args = tiny(&more);
        args[4] = "images";
        xtask(at, args)
    };
    refused(&run("3"), &["not one-hot", "2.png", "0 to 2"]);
    assert_eq!(run("6").code, Some(0));
    let encode = |map: &str| xtask(at, ["encode", "--psp", "run", "--image", map]);
    assert_eq!(encode("maps/2.png").code, Some(0));
    image::GrayImage::from_pixel(16, 16, image::Luma([77])).save(at.join("77.png")).unwrap();
    refused(&encode("77.png"), &["not one-hot", "class 77"]);
    picture(&at.join("colour.png"), 16, 16);
    refused(&encode("colour.png"), &["no grey image"]);
}

#[test]
fn converted_networks_have_the_names_and_shapes_that_are_built() {
    use stylegan_import::FeatureNetwork;
    use stylegan_psp::{Encoder, EncoderConfig, Identity, IdentityConfig};
    let built = stylegan::shapes_of(|vb| Encoder::new(&EncoderConfig::default(), vb)).unwrap();
    let encoder = FeatureNetwork::PspEncoder { styles: 18, channels: 3, latent_avg: true };
    assert_eq!(built, encoder.shapes());
    let built = stylegan::shapes_of(|vb| Identity::new(&IdentityConfig::default(), vb)).unwrap();
    assert_eq!(built, FeatureNetwork::ArcFace.shapes());
    // A converted encoder is known by its metadata, and asks for its decoder.
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    tiny_model(at);
    picture(&at.join("a.png"), 16, 16);
    let text = serde_json::to_string(&encoder).unwrap();
    let metadata = std::collections::BTreeMap::from([("features.network".to_owned(), text)]);
    stylegan_checkpoint::save(&at.join("psp.safetensors"), [], &metadata).unwrap();
    let encode = ["encode", "--psp", "psp.safetensors", "--image", "a.png"];
    refused(&xtask(at, encode), &["an encoder without its decoder"]);
    let with = [&encode[..], &["--decoder", "tiny.safetensors"]].concat();
    refused(&xtask(at, with), &["18 styles of 512", "6 of 8"]);
}
