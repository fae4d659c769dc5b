//! The drawing commands on an untrained model.

use std::fs;

use stylegan::GeneratorConfig;

use crate::harness::{lines, refused, size, tiny_model, tiny_model_of, xtask};

#[test]
fn a_seed_is_the_same_picture_in_any_company_and_at_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    for noise in ["none", "const", "random"] {
        let draw = |seeds: &str, threads: &str, out: &str| {
            let model = model.to_str().unwrap();
            let args = ["generate", "--model", model, "--seeds", seeds, "--noise", noise];
            lines(folder.path(), args.into_iter().chain(["--threads", threads, "--out", out]));
            fs::read(folder.path().join(out).join("seed-0007.png")).unwrap()
        };
        let alone = draw("7", "1", &format!("{noise}-alone"));
        assert_eq!(alone, draw("0-4,7", "2", &format!("{noise}-together")), "{noise}");
    }
    let picture =
        |noise: &str| fs::read(folder.path().join(format!("{noise}-alone/seed-0007.png"))).unwrap();
    assert_ne!(picture("none"), picture("const"));
    assert_ne!(picture("const"), picture("random"));
}

#[test]
fn nothing_is_overwritten_unless_forced() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    let model = model.to_str().unwrap();
    let grid = ["generate", "--model", model, "--seeds", "0-4", "--grid"];
    assert_eq!(lines(folder.path(), grid), ["out/grid.png"]);
    assert_eq!(size(&folder.path().join("out/grid.png")), (48, 32));
    let first = fs::read(folder.path().join("out/grid.png")).unwrap();

    let other = ["generate", "--model", model, "--seeds", "5-8", "--grid"];
    assert_eq!(lines(folder.path(), other), ["out/grid-1.png"]);
    assert_eq!(fs::read(folder.path().join("out/grid.png")).unwrap(), first);
    assert_eq!(lines(folder.path(), other.iter().chain(&["--force"])), ["out/grid.png"]);
    assert_ne!(fs::read(folder.path().join("out/grid.png")).unwrap(), first);
}

#[test]
fn each_command_writes_its_picture_and_prints_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    let model = model.to_str().unwrap();
    let run = |args: &[&str]| lines(folder.path(), args.iter().chain(&["--model", model]));

    assert_eq!(run(&["mix", "--rows", "0,1", "--cols", "2-4"]), ["out/mix.png"]);
    assert_eq!(size(&folder.path().join("out/mix.png")), (4 * 16, 3 * 16));
    assert_eq!(run(&["truncate", "--seeds", "0,1", "--psi", "1,0,-1"]), ["out/truncation.png"]);
    assert_eq!(size(&folder.path().join("out/truncation.png")), (3 * 16, 2 * 16));

    let loop_ = ["interpolate", "--seeds", "0-2", "--steps", "2", "--enlarge", "2"];
    let frames = ["--frames", "frames", "--json"];
    let written = run(&[&loop_[..], &frames[..]].concat());
    let written: serde_json::Value = serde_json::from_str(&written[0]).unwrap();
    assert_eq!(written["frames"], 6);
    assert_eq!(size(&folder.path().join(written["path"].as_str().unwrap())), (32, 32));
    assert_eq!(fs::read_dir(folder.path().join("frames")).unwrap().count(), 6);
    assert_eq!(size(&folder.path().join("frames/frame-00005.png")), (32, 32));

    // The first frame is the first seed's own picture, in either space.
    run(&["generate", "--seeds", "0", "--enlarge", "2"]);
    let picture = |name: &str| image::open(folder.path().join(name)).unwrap().to_rgb8();
    assert_eq!(picture("frames/frame-00000.png"), picture("out/seed-0000.png"));
    run(&["interpolate", "--seeds", "0,1", "--steps", "1", "--space", "z", "--frames", "z"]);
    run(&["generate", "--seeds", "0", "--force"]);
    let (along, alone) = (picture("z/frame-00000.png"), picture("out/seed-0000.png"));
    let apart = along.iter().zip(alone.iter()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(apart <= Some(1), "{apart:?}");
}

#[test]
fn stylegan2_draws_with_the_same_commands() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model_of(folder.path(), GeneratorConfig::stylegan2_e());
    let model = model.to_str().unwrap();
    let run = |args: &[&str]| lines(folder.path(), args.iter().chain(&["--model", model]));
    let picture = |name: &str| fs::read(folder.path().join(name)).unwrap();

    assert_eq!(run(&["generate", "--seeds", "0-4", "--grid"]), ["out/grid.png"]);
    assert_eq!(size(&folder.path().join("out/grid.png")), (48, 32));
    run(&["generate", "--seeds", "3", "--noise", "none", "--out", "none"]);
    run(&["generate", "--seeds", "3", "--noise", "random", "--out", "random"]);
    assert_ne!(picture("none/seed-0003.png"), picture("random/seed-0003.png"));
    assert_eq!(run(&["mix", "--rows", "0,1", "--cols", "2-4"]), ["out/mix.png"]);
    assert_eq!(run(&["truncate", "--seeds", "0,1", "--psi", "1,0"]), ["out/truncation.png"]);
    run(&["interpolate", "--seeds", "0-2", "--steps", "2", "--frames", "frames"]);
    assert_eq!(fs::read_dir(folder.path().join("frames")).unwrap().count(), 6);
    let listing = lines(folder.path(), ["inspect", model]).join("\n");
    assert!(listing.contains("synthesis.b16.conv0.noise.strength"), "{listing}");
}

#[test]
fn what_a_model_cannot_do_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    let model = model.to_str().unwrap();
    let run = |args: &[&str]| xtask(folder.path(), args.iter().chain(&["--model", model]));
    refused(&run(&["mix", "--styles", "fine"]), &["layers 0 to 5", "begin at 8"]);
    refused(&run(&["mix", "--styles", "3-6"]), &["no layer 6"]);
    refused(&run(&["mix", "--styles", "course"]), &["coarse, middle, fine"]);
    refused(&run(&["interpolate", "--seeds", "4"]), &["two seeds or more"]);
    refused(&run(&["generate", "--class", "1"]), &["trained without labels"]);
    let ran = run(&["truncate", "--out", "picture.xyz"]);
    refused(&ran, &["picture.xyz"]);
    fs::write(folder.path().join("file"), "").unwrap();
    refused(&run(&["generate", "--out", "file/below"]), &["cannot make the folder"]);
}

#[test]
fn inspect_lists_what_a_file_holds() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    let model = model.to_str().unwrap();
    let plain = lines(folder.path(), ["inspect", model]).join("\n");
    assert!(plain.contains("synthesis.b16.conv1.weight"), "{plain}");
    assert!(plain.contains("[8, 8, 3, 3]"), "{plain}");

    let json = lines(folder.path(), ["inspect", model, "--json"]).join("\n");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    // The average of w, and two noise maps a resolution.
    assert_eq!(json["buffers"], 8 + 2 * (16 + 64 + 256));
    let tensors = json["tensors"].as_array().unwrap();
    let elements: u64 = tensors.iter().map(|entry| entry["elements"].as_u64().unwrap()).sum();
    let parameters = json["parameters"].as_u64().unwrap();
    assert_eq!(parameters + json["buffers"].as_u64().unwrap(), elements);
}

#[test]
fn inspect_counts_the_official_parameters_of_presets() {
    let folder = tempfile::tempdir().unwrap();
    // Networks of StyleGAN, Progressive GAN and StyleGAN2 at 1024x1024.
    for (preset, generator, discriminator) in [
        ("f", 26_219_627, 23_087_249),
        ("a", 23_079_115, 23_087_249),
        ("config-f", 30_370_060, 29_012_513),
    ] {
        let listings = lines(folder.path(), ["inspect", preset, "--json"]);
        let parameters: Vec<u64> = listings
            .iter()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|listing| listing["parameters"].as_u64().unwrap())
            .collect();
        assert_eq!(parameters, [generator, discriminator], "{preset}");
    }
    refused(&xtask(folder.path(), ["inspect", "g"]), &["`g`", "ffhq-1024"]);
}

#[test]
fn bench_prints_the_keys_of_the_yardstick() {
    let folder = tempfile::tempdir().unwrap();
    for (mode, network) in [
        ("train", "stylegan"),
        ("generate", "stylegan"),
        ("train", "stylegan2"),
        ("generate", "stylegan2"),
    ] {
        let small = ["--resolution", "8", "--batch", "2", "--channel-max", "4", "--w-dim", "4"];
        let args = ["bench", "--mode", mode, "--network", network, "--steps", "1"];
        let args = args.iter().chain(&["--threads", "1"]).chain(&small);
        let line = lines(folder.path(), args).join("\n");
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        let keys = [
            "tool",
            "resolution",
            "batch",
            "mode",
            "channel_base",
            "channel_max",
            "w_dim",
            "steps",
            "threads",
            "device",
            "channels_last",
            "compile",
            "ms_per_step",
            "images_per_second",
            "best_ms",
            "peak_memory_mb",
        ];
        for key in keys {
            assert!(json.get(key).is_some(), "{key} is missing in {line}");
        }
        assert_eq!((&json["mode"], &json["threads"]), (&mode.into(), &1.into()));
        assert!(json["ms_per_step"].as_f64().unwrap() > 0.0);
    }
    refused(&xtask(folder.path(), ["bench", "--resolution", "48"]), &["48"]);
}

#[test]
fn half_precision_draws_nearly_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    let model = model.to_str().unwrap();
    let draw = |precision: &str| {
        let args = ["generate", "--model", model, "--seeds", "7", "--out", precision];
        let drawn = xtask(folder.path(), args.into_iter().chain(["--precision", precision]));
        assert_eq!(drawn.code, Some(0), "{}", drawn.err);
        assert_eq!(drawn.err.contains("slower"), precision != "float32", "{}", drawn.err);
        let picture = image::open(folder.path().join(precision).join("seed-0007.png")).unwrap();
        picture.into_rgb8().into_raw()
    };
    let exact = draw("float32");
    for precision in ["bfloat16", "float16"] {
        let rounded = draw(precision);
        let differences = exact.iter().zip(&rounded).map(|(a, b)| u32::from(a.abs_diff(*b)));
        let sum: u32 = differences.sum();
        assert!(sum > 0 && sum < 3 * exact.len() as u32, "{precision}: {sum}");
    }
    let args = ["generate", "--model", model, "--precision", "half"];
    refused(&xtask(folder.path(), args), &["--precision", "\"half\"", "bfloat16"]);
}
