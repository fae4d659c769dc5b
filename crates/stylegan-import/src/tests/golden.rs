use candle_core::Tensor;
use stylegan::Noise;
use stylegan_checkpoint::pickle::Document;
use stylegan_testkit::golden::Case;
use stylegan_testkit::synthetic;

use super::*;

/// The images, styles and scores of StyleGAN's golden cases, through a file.
fn check_generator(what: &str, converted: &Converted) {
    let (case, generator) = (case("sg1_g_r32"), generator(converted));
    let ws = |name: &str| {
        let w = generator.map(&case.input(name).unwrap(), None).unwrap();
        generator.broadcast(&w).unwrap()
    };
    let ws = ws("z");
    let w = ws.narrow(1, 0, 1).unwrap().squeeze(1).unwrap();
    close(what, &w, case.output("w").unwrap());
    for lod in ["0", "0.3", "1", "2.5"] {
        let image = generator.synthesize(&ws, lod.parse().unwrap(), &Noise::Const).unwrap();
        close(
            &format!("{what}, lod {lod}"),
            &image,
            case.output(&format!("image.lod={lod}")).unwrap(),
        );
    }
    let truncated = generator.truncate(&ws, 0.7, Some(4)).unwrap();
    close(what, &truncated, case.output("wp.psi=0.7.cutoff=4").unwrap());
}

fn check_discriminator(what: &str, converted: &Converted) {
    let (case, discriminator) = (case("sg1_d_r32"), discriminator(converted));
    for lod in ["0", "0.3", "1"] {
        let image = case.input("image").unwrap();
        let scores = discriminator.forward(&image, lod.parse().unwrap(), None).unwrap();
        let expected = case.output(&format!("score.lod={lod}")).unwrap();
        let expected = expected.flatten_all().unwrap();
        close(&format!("{what}, lod {lod}"), &scores.score, &expected);
    }
}

#[test]
fn stylegan_through_the_official_pickle_and_both_serializations_of_genforce() {
    for name in [
        "stylegan1_official_tf.pkl",
        "stylegan1_genforce.pth",
        "stylegan1_genforce_legacy_serialization.pth",
    ] {
        let document = Document::open(&golden("import").join(name)).unwrap();
        check_generator(name, &convert(&document, Role::Ema));
        if name.contains("legacy") {
            continue;
        }
        check_generator(name, &convert(&document, Role::Generator));
        check_discriminator(name, &convert(&document, Role::Discriminator));
    }
}

/// genforce's own names are those of the golden cases of Progressive GAN.
#[test]
fn progressive_gan_through_genforce() {
    let (case_g, case_d) = (case("pg_g_r32"), case("pg_d_r32"));
    let (g, d) = (case_g.parameters(), case_d.parameters());
    let document = as_pth(&[("generator", &g), ("discriminator", &d)]);
    let generator = generator(&convert(&document, Role::Ema));
    let ws = generator.map(&case_g.input("z").unwrap(), None).unwrap();
    let ws = generator.broadcast(&ws).unwrap();
    for lod in ["0", "0.3", "1"] {
        let image = generator.synthesize(&ws, lod.parse().unwrap(), &Noise::Const).unwrap();
        close(lod, &image, case_g.output(&format!("image.lod={lod}")).unwrap());
    }
    let converted = convert(&document, Role::Discriminator);
    let discriminator = discriminator(&converted);
    let scores = discriminator.forward(&case_d.input("image").unwrap(), 0.0, None).unwrap();
    close("scores", &scores.score, &case_d.output("score.lod=0").unwrap().flatten_all().unwrap());
}

/// Puts a case's noise inputs in place of the ones that were drawn.
fn with_noise(case: &Case, converted: &mut Converted, each_layer: bool) {
    for (name, tensor) in &mut converted.tensors {
        let Some(rest) = name.strip_prefix("synthesis.b") else { continue };
        if let Some((size, rest)) = rest.split_once(".conv")
            && let Some(conv) = rest.strip_suffix(".noise.const")
        {
            let block = size.parse::<usize>().unwrap().ilog2() as usize - 2;
            let index = if each_layer { 2 * block + conv.parse::<usize>().unwrap() } else { block };
            // Of resolutions that the case does not reach, any noise will do.
            if let Ok(noise) = case.input(&format!("noise{index}")) {
                *tensor = noise;
            }
        }
    }
}

#[test]
fn lernapparat() {
    let case = case("dialect_lernapparat");
    let mut tensors = case.parameters();
    // The case is of the synthesis network alone; its files hold a mapping network as well.
    for layer in 0..8 {
        let name = |what| format!("g_mapping.dense{layer}.{what}");
        tensors.insert(name("weight"), synthetic(&name("weight"), (32, 32), 0.0, 100.0));
        tensors.insert(name("bias"), synthetic(&name("bias"), 32, 0.0, 1.0));
    }
    let document = as_pth(&[("", &tensors)]);
    let mut converted = convert(&document, Role::Ema);
    assert_eq!(converted.notes.len(), 2, "{:?}", converted.notes);
    with_noise(&case, &mut converted, true);
    let generator = generator(&converted);
    let image = generator.synthesize(&case.input("wp").unwrap(), 0.0, &Noise::Const).unwrap();
    close("image", &image, case.output("image").unwrap());
}

#[test]
fn huangzh13() {
    let case = case("dialect_huangzh13");
    let document = as_pth(&[("", &case.parameters())]);
    let mut converted = convert(&document, Role::Ema);
    with_noise(&case, &mut converted, true);
    let generator = generator(&converted);
    let w = generator.map(&case.input("z").unwrap(), None).unwrap();
    let ws = generator.broadcast(&w).unwrap();
    for (depth, alpha) in [(3, 1.0), (3, 0.4), (1, 1.0)] {
        let lod = f64::from(3 - depth) + 1.0 - alpha;
        let name = format!("image.depth={depth}.alpha={alpha:.1}");
        // Their truncation is part of the network, and their styles are truncated.
        let expected_ws = case.output("wp").unwrap();
        let image = generator.synthesis().forward_native(expected_ws, lod, &Noise::Const).unwrap();
        close(&name, &image, case.output(&name).unwrap());
    }
    let truncated = generator.truncate(&ws, 0.7, Some(8)).unwrap();
    let expected = case.output("wp").unwrap();
    let either = [&ws, &truncated].map(|ws| stylegan_testkit::relative_error(ws, expected));
    assert!(either.iter().any(|error| *error <= 1e-4), "{either:?}");
}

#[test]
fn rosinality_style_gan() {
    let case = case("dialect_rosinality_v1");
    let document = as_pth(&[("g_running", &case.parameters())]);
    let mut converted = convert(&document, Role::Ema);
    with_noise(&case, &mut converted, false);
    let generator = generator(&converted);
    let w = generator.map(&case.input("z").unwrap(), None).unwrap();
    close("w", &w, case.output("w").unwrap());
    let ws = generator.broadcast(&w).unwrap();
    for (alpha, lod) in [("1", 6.0), ("0.4", 6.6)] {
        let name = format!("image.step=2.alpha={alpha}");
        let image = generator.synthesis().forward_native(&ws, lod, &Noise::Const);
        close(&name, &image.unwrap(), case.output(&name).unwrap());
    }
}

/// Every number of the `stylegan2-ada-pytorch` pickle, under its native name.
#[test]
fn stylegan2_ada_pytorch() {
    let document = Document::open(&golden("import/stylegan2_ada_pytorch.pkl")).unwrap();
    let converted = convert(&document, Role::Ema);
    let expect = |name: &str, shape: &[usize], mean: f64, std: f64| {
        let native = name
            .replace("mapping.fc", "mapping.dense")
            .replace("mapping.w_avg", "w_avg")
            .replace("noise_const", "noise.const")
            .replace("noise_strength", "noise.strength")
            .replace("affine", "style")
            .replace("torgb", "to_rgb");
        let got = &converted.tensors[&native];
        let expected: Tensor = synthetic(name, shape, mean, std).reshape(got.dims()).unwrap();
        stylegan_testkit::assert_same_bits(name, got, &expected);
    };
    let text = std::fs::read_to_string(golden("import/stylegan2_tensors.json")).unwrap();
    let specs: Vec<(String, Vec<usize>, f64, f64)> = serde_json::from_str(&text).unwrap();
    assert_eq!(specs.len(), converted.tensors.len());
    for (name, shape, mean, std) in specs {
        expect(&name, &shape, mean, std);
    }
    let contents = Contents::of(&document).unwrap();
    for network in &contents.networks {
        contents.check(network).unwrap();
    }
}
