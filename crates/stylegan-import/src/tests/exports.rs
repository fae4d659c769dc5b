use std::path::PathBuf;
use std::process::Command;

use stylegan::{Architecture, Noise};

use super::pickler;
use super::*;
use crate::{Format, ImportError, Native};

/// The golden generator or discriminator as a native file.
fn native(folder: &Path, role: Role) -> Native {
    let document = Document::open(&golden("import/stylegan1_genforce.pth")).unwrap();
    let path = folder.join("native.safetensors");
    convert(&document, role).save(&path).unwrap();
    Native::open(&path).unwrap()
}

#[test]
fn genforce_gets_back_what_it_gave() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("again.pth");
    let original = Document::open(&golden("import/stylegan1_genforce.pth")).unwrap();
    for (role, name) in [(Role::Ema, "generator_smooth"), (Role::Discriminator, "discriminator")] {
        native(folder.path(), role).export(Format::GenforcePth, &out).unwrap();
        let written = Document::open(&out).unwrap();
        let tensors = |document: &Document| -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
            let entries = document.root().get(name).unwrap().entries().unwrap();
            let read = |tensor: stylegan_checkpoint::pickle::Tensor| {
                (tensor.shape().to_vec(), tensor.to_f32())
            };
            let named =
                entries.iter().map(|(key, value)| (key.as_str().unwrap(), value.tensor().unwrap()));
            named.map(|(key, tensor)| (key.to_owned(), read(tensor))).collect()
        };
        assert_eq!(tensors(&written), tensors(&original));
    }
}

#[test]
fn what_a_format_cannot_hold_is_said_and_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("x.npz");
    let error = native(folder.path(), Role::Ema).export(Format::AdaNpz, &out).unwrap_err();
    assert!(matches!(error, ImportError::Inexpressible { .. }), "{error}");
    let error = native(folder.path(), Role::Discriminator).export(Format::Onnx, &out).unwrap_err();
    assert!(error.to_string().contains("generators"), "{error}");
    assert!(!out.exists());
}

/// A Python with these packages: the one that `STYLEGAN_PYTHON` names, or `python3`.
fn python(packages: &str) -> Option<PathBuf> {
    let python = std::env::var_os("STYLEGAN_PYTHON").unwrap_or_else(|| "python3".into());
    let probe = Command::new(&python).arg("-c").arg(format!("import {packages}")).output();
    if probe.is_ok_and(|output| output.status.success()) {
        return Some(python.into());
    }
    println!("skipped: no Python with {packages} (name one in STYLEGAN_PYTHON to run this test)");
    None
}

#[track_caller]
fn run(python: &Path, script: &str, arguments: &[&Path]) -> String {
    let output = Command::new(python).arg("-c").arg(script).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn pytorch_reads_our_files() {
    let Some(python) = python("torch") else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("ours.pth");
    native(folder.path(), Role::Ema).export(Format::GenforcePth, &out).unwrap();
    let script = "import sys, torch\n\
        ours, theirs = (torch.load(p, weights_only=True)['generator_smooth'] for p in sys.argv[1:])\n\
        assert list(sorted(ours)) == list(sorted(theirs))\n\
        assert all(torch.equal(ours[k], theirs[k]) for k in ours)\n\
        print(len(ours))";
    let read = run(&python, script, &[&out, &golden("import/stylegan1_genforce.pth")]);
    let written = Document::open(&out).unwrap();
    let tensors = written.root().get("generator_smooth").unwrap().entries().unwrap();
    assert_eq!(read.trim().parse::<usize>().unwrap(), tensors.len());
}

#[test]
fn numpy_reads_our_files() {
    let Some(python) = python("numpy") else { return };
    let folder = tempfile::tempdir().unwrap();
    let document = Document::open(&golden("import/stylegan2_ada_pytorch.pkl")).unwrap();
    let converted = convert(&document, Role::Ema);
    let path = folder.path().join("native.safetensors");
    converted.save(&path).unwrap();
    let out = folder.path().join("ours.npz");
    Native::open(&path).unwrap().export(Format::AdaNpz, &out).unwrap();
    let script = "import sys, numpy\n\
        a = numpy.load(sys.argv[1])\n\
        for k in sorted(a): print(k, list(a[k].shape), repr(float(a[k].astype('f8').sum())))";
    let read = run(&python, script, &[&out]);
    let contents = Contents::of(&document).unwrap();
    let network = contents.network(Role::Ema).unwrap();
    let mut lines = 0;
    for (line, (name, tensor)) in
        read.lines().zip(network.tensors.iter().filter(|(name, _)| !name.ends_with("filter")))
    {
        let sum: f64 = tensor.to_f64().iter().sum();
        let (start, printed) = line.rsplit_once(' ').unwrap();
        assert_eq!(start, format!("{name} {:?}", tensor.shape()));
        assert!((printed.parse::<f64>().unwrap() - sum).abs() < 1e-6 * (1.0 + sum.abs()), "{line}");
        lines += 1;
    }
    assert_eq!(lines, converted.tensors.len());
}

/// Small StyleGAN2 generators, one of each architecture; the residual one is conditional.
fn stylegan2() -> [stylegan::GeneratorConfig; 3] {
    [Architecture::Orig, Architecture::Skip, Architecture::Resnet].map(|architecture| {
        let mut config = stylegan::GeneratorConfig::stylegan2_f();
        config.synthesis.stylegan2 = Some(architecture);
        config.mapping.label_dim = if architecture == Architecture::Resnet { 2 } else { 0 };
        config
    })
}

/// ONNX graphs of every kind of generator, run by onnxruntime with a batch of three, against our own images.
#[test]
fn onnxruntime_draws_our_images() {
    let Some(python) = python("onnxruntime, numpy") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut configs = vec![
        stylegan::GeneratorConfig::config_a(),
        stylegan::GeneratorConfig::config_b(),
        stylegan::GeneratorConfig::config_c(),
        stylegan::GeneratorConfig::config_d(),
        stylegan::GeneratorConfig::config_f(),
        stylegan::GeneratorConfig::config_f(),
    ];
    configs.extend(stylegan2());
    configs.extend(stylegan2().map(|mut config| {
        config.synthesis.upscale = stylegan::Upscale::BeforeConvolution;
        config
    }));
    configs[5].mapping.label_dim = 2;
    configs[5].synthesis.bias_before_blur = true;
    configs[5].synthesis.custom_blur = true;
    configs[5].synthesis.fused_scale = stylegan::FusedScale::True;
    for (index, mut config) in configs.into_iter().enumerate() {
        (config.mapping.z_dim, config.mapping.w_dim, config.mapping.hidden_dim) = (8, 8, 8);
        (config.synthesis.w_dim, config.synthesis.resolution) = (8, 16);
        (config.synthesis.fmap_base, config.synthesis.fmap_max) = (32, 8);
        let labels = config.mapping.label_dim;
        let second_generation = usize::from(config.synthesis.stylegan2.is_some());
        let converted = pickler::synthetic(Model::Generator(config));
        let path = folder.path().join("native.safetensors");
        converted.save(&path).unwrap();
        let out = folder.path().join(format!("net{index}.onnx"));
        let written = Native::open(&path).unwrap().export(Format::Onnx, &out).unwrap();
        let generator = generator(&converted);
        let z = stylegan::latents(&[1, 2, 3], 8, &Device::Cpu).unwrap();
        let label =
            (labels > 0).then(|| Tensor::ones((3, labels), DType::F32, &Device::Cpu).unwrap());
        let ws = generator.broadcast(&generator.map(&z, label.as_ref()).unwrap()).unwrap();
        let ws = generator.truncate(&ws, 0.7, Some(2)).unwrap();
        let image = generator.synthesize(&ws, 0.0, &Noise::Const).unwrap();
        let mut stored = BTreeMap::from([
            ("z".to_owned(), z),
            ("ws".to_owned(), ws),
            ("image".to_owned(), image),
        ]);
        stored.extend(label.map(|label| ("label".to_owned(), label)));
        for (name, tensor) in &converted.tensors {
            if let Some(size) = name.strip_suffix(".noise.const") {
                let (size, conv) =
                    size.trim_start_matches("synthesis.b").split_once(".conv").unwrap();
                let block = size.parse::<usize>().unwrap().ilog2() as usize - 2;
                // StyleGAN2's first block has no `conv0`.
                let layer = 2 * block + conv.parse::<usize>().unwrap() - second_generation;
                stored.insert(format!("noise{layer}"), tensor.clone());
            }
        }
        for (name, tensor) in &stored {
            tensor.write_npy(folder.path().join(format!("{name}.npy"))).unwrap();
        }
        let script = "import sys, os, numpy as np, onnxruntime as ort\n\
            m, s = (ort.InferenceSession(p) for p in sys.argv[1:3])\n\
            v = lambda n: np.load(os.path.join(sys.argv[3], n + '.npy'))\n\
            given = {i.name: v(i.name) for i in m.get_inputs() if i.name != 'psi'}\n\
            psi = np.array([0.7, 0.7, 1, 1, 1, 1], np.float32)\n\
            ws = m.run(['ws'], dict(given, psi=psi))[0]\n\
            given = {i.name: v(i.name) for i in s.get_inputs() if i.name != 'ws'}\n\
            image = s.run(['image'], dict(given, ws=ws))[0]\n\
            err = lambda a, b: float(np.linalg.norm(a - b) / np.linalg.norm(b))\n\
            print(err(ws, v('ws')), err(image, v('image')))\n\
            one = s.run(['image'], dict(given, ws=ws[:1]))[0]\n\
            print(one.shape[0], 0)";
        let said = run(&python, script, &[&written[0], &written[1], folder.path()]);
        let (errors, rest) = said.split_once('\n').unwrap();
        let errors: Vec<f64> = errors.split(' ').map(|number| number.parse().unwrap()).collect();
        assert!(errors.iter().all(|error| *error <= 1e-4), "configuration {index}: {errors:?}");
        assert_eq!(rest.trim(), "1 0");
    }
}

#[test]
fn conditional_stylegan2_survives_the_round_trip_of_names() {
    let mut config = stylegan2()[2].clone();
    (config.mapping.z_dim, config.mapping.w_dim, config.mapping.hidden_dim) = (4, 4, 4);
    (config.synthesis.w_dim, config.synthesis.resolution) = (4, 8);
    (config.synthesis.fmap_base, config.synthesis.fmap_max) = (16, 4);
    let model = Model::Generator(config);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let converted = pickler::synthetic(model);
    converted.save(&path).unwrap();
    let native = Native::open(&path).unwrap();
    assert_eq!(native.model(), &converted.model);
    let again = folder.path().join("again.safetensors");
    native.export(Format::Safetensors, &again).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&again).unwrap());
}

/// Readers of genforce's files multiply the mapping network by 0.01, whatever our own multiplier is.
#[test]
fn genforce_draws_what_a_mapping_network_of_another_rate_draws() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("native.safetensors"), folder.path().join("out.pth"));
    let mut config = stylegan::GeneratorConfig::config_f();
    (config.mapping.z_dim, config.mapping.w_dim, config.mapping.hidden_dim) = (8, 8, 8);
    config.mapping.lr_multiplier = 0.1;
    (config.synthesis.w_dim, config.synthesis.resolution) = (8, 16);
    (config.synthesis.fmap_base, config.synthesis.fmap_max) = (32, 8);
    let converted = pickler::synthetic(Model::Generator(config));
    converted.save(&path).unwrap();
    Native::open(&path).unwrap().export(Format::GenforcePth, &out).unwrap();
    let again = convert(&Document::open(&out).unwrap(), Role::Ema);
    let z = stylegan::latents(&[1, 2], 8, &Device::Cpu).unwrap();
    let w = |converted: &Converted| generator(converted).map(&z, None).unwrap();
    // The multiplier is folded into float32 weights.
    assert!(relative_error(&w(&again), &w(&converted)) <= 1e-5);
}

#[test]
fn stylegan2_ada_is_not_given_networks_that_it_would_draw_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("native.safetensors"), folder.path().join("out.npz"));
    let mut config = stylegan2()[1].clone();
    (config.mapping.z_dim, config.mapping.w_dim, config.mapping.hidden_dim) = (4, 4, 4);
    (config.synthesis.w_dim, config.synthesis.resolution) = (4, 8);
    (config.synthesis.fmap_base, config.synthesis.fmap_max) = (16, 4);
    config.synthesis.upscale = stylegan::Upscale::BeforeConvolution;
    pickler::synthetic(Model::Generator(config)).save(&path).unwrap();
    let error = Native::open(&path).unwrap().export(Format::AdaNpz, &out).unwrap_err();
    assert!(error.to_string().contains("generator.upscale"), "{error}");
    assert!(!out.exists());
}
