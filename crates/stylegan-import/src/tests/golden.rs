use candle_core::Tensor;
use stylegan::Noise;
use stylegan_checkpoint::pickle::Document;
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
