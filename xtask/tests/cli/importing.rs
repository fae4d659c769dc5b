//! Other programs' checkpoints: in, out, looked into, begun with.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{lines, refused, size, tiny_config, tiny_model, xtask};

fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/import").join(name);
    path.to_str().unwrap().to_owned()
}

fn json(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap()
}

#[test]
fn one_generator_in_three_files_is_one_model() {
    let folder = tempfile::tempdir().unwrap();
    let mut imported = Vec::new();
    for file in [
        "stylegan1_official_tf.pkl",
        "stylegan1_genforce.pth",
        "stylegan1_genforce_legacy_serialization.pth",
    ] {
        let said = lines(folder.path(), ["import", &golden(file), "--json"]).join("\n");
        let said = json(&said);
        let picture = folder.path().join(said["picture"].as_str().unwrap());
        assert_eq!(size(&picture), (4 * 32, 32), "{file}");
        imported.push((said["checksum"].clone(), said["picture_checksum"].clone()));
    }
    assert!(imported.iter().all(|checksums| *checksums == imported[0]), "{imported:?}");
    // What was written is a model like any other.
    let model = "out/stylegan1_official_tf.safetensors";
    let drawn = lines(folder.path(), ["generate", "--model", model, "--seeds", "3"]);
    assert_eq!(size(&folder.path().join(&drawn[0])), (32, 32));
}

#[test]
fn each_network_of_a_file_can_be_had() {
    let folder = tempfile::tempdir().unwrap();
    for (file, which, model) in [
        ("stylegan1_official_tf.pkl", "g", "style-based generator, 32x32"),
        ("stylegan1_official_tf.pkl", "d", "discriminator, 32x32"),
        ("stylegan2_ada_pytorch.pkl", "ema", "StyleGAN2 generator, 32x32, Skip"),
        ("stylegan2_ada_pytorch.pkl", "d", "StyleGAN2 discriminator, 32x32"),
    ] {
        let out = format!("{which}.safetensors");
        let args = ["import", &golden(file), "--which", which, "--out", &out, "--force", "--json"];
        let said = json(&lines(folder.path(), args).join("\n"));
        assert_eq!((&said["path"], &said["model"]), (&out.as_str().into(), &model.into()));
        assert!(folder.path().join(&out).is_file());
    }
    let genforce = golden("stylegan1_genforce_legacy_serialization.pth");
    let ran = xtask(folder.path(), ["import", &genforce, "--which", "d"]);
    refused(&ran, &["no discriminator (d)", "averaged generator (ema)", "--which"]);
}

#[test]
fn inspect_shows_the_networks_of_foreign_files() {
    let folder = tempfile::tempdir().unwrap();
    let listings =
        lines(folder.path(), ["inspect", &golden("stylegan1_official_tf.pkl"), "--json"]);
    let roles: Vec<_> =
        listings.iter().map(|line| json(line)["metadata"]["network"].clone()).collect();
    assert_eq!(roles, ["generator (g)", "discriminator (d)", "averaged generator (ema)"]);
    let plain = lines(folder.path(), ["inspect", &golden("stylegan1_genforce.pth")]).join("\n");
    for words in
        ["PyTorch file (zip)", "genforce", "synthesis.layer7.apply_noise.noise", "[1, 1, 32, 32]"]
    {
        assert!(plain.contains(words), "{words}: {plain}");
    }
    refused(
        &xtask(folder.path(), ["inspect", &golden("hostile_os_system.pkl")]),
        &["posix.system"],
    );
}

/// Writes `bytes` into the folder.
fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn bad_files_are_refused_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let pth = fs::read(golden("stylegan1_genforce.pth")).unwrap();
    let central = (0..pth.len()).rfind(|&at| pth[at..].starts_with(b"PK\x01\x02")).unwrap();
    let mut lying = pth.clone();
    lying[central + 24..central + 28].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
    let bytes =
        |name: &str, bytes: &[u8]| file(folder.path(), name, bytes).to_str().unwrap().to_owned();
    let cases = [
        (golden("hostile_os_system.pkl"), "posix.system"),
        (golden("truncated.pkl"), "truncated"),
        (bytes("empty.pkl", b""), "truncated"),
        (bytes("text.pkl", b"<html>not found</html>"), "no pickle opcode"),
        (bytes("cut.pth", &pth[..pth.len() / 2]), "zip archive"),
        (bytes("lying.pth", &lying), "claims 2147483647 bytes"),
        (bytes("cyclic.pkl", b"\x80\x02]q\0h\0a."), "contains itself"),
        (bytes("length.pkl", b"\x80\x04\x8e\0\0\0\0\0\0\0\x7f."), "claims"),
        (bytes("eval.pkl", b"cbuiltins\neval\n(Vprint(1)\ntR."), "builtins.eval"),
        (bytes("number.pkl", b"\x80\x02K\x01."), "not a checkpoint of a known dialect"),
        (folder.path().join("absent.pkl").to_str().unwrap().to_owned(), "absent.pkl"),
    ];
    for (path, words) in cases {
        refused(&xtask(folder.path(), ["import", &path, "--out", "model.safetensors"]), &[words]);
        assert!(!folder.path().join("model.safetensors").exists(), "{path}");
    }
    assert!(!folder.path().join("stylegan-import-was-executed").exists());
    assert!(!Path::new("stylegan-import-was-executed").exists());
}

#[test]
fn a_model_goes_out_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny_model(folder.path());
    let model = model.to_str().unwrap();
    let export = |format: &str| lines(folder.path(), ["export", model, "--format", format]);
    assert_eq!(export("onnx"), ["out/tiny-mapping.onnx", "out/tiny-synthesis.onnx"]);
    assert_eq!(export("safetensors"), ["out/tiny.safetensors"]);
    assert_eq!(export("genforce-pth"), ["out/tiny.pth"]);
    lines(folder.path(), ["import", "out/tiny.pth", "--out", "back.safetensors"]);
    let draw = |model: &str, out: &str| {
        lines(folder.path(), ["generate", "--model", model, "--seeds", "5", "--out", out]);
        fs::read(folder.path().join(out).join("seed-0005.png")).unwrap()
    };
    assert_eq!(draw(model, "a"), draw("back.safetensors", "b"));
    let ran = xtask(folder.path(), ["export", model, "--format", "ada-npz"]);
    refused(&ran, &["holds StyleGAN2 networks"]);
    assert!(!folder.path().join("out/tiny.npz").exists());
}

#[test]
fn a_run_begins_with_a_model_of_another_resolution() {
    let folder = tempfile::tempdir().unwrap();
    tiny_config(folder.path());
    let train = |more: &[&str]| {
        xtask(
            folder.path(),
            ["train", "--config", "tiny.toml", "--kimg", "0.02"].iter().chain(more),
        )
    };
    let ran = train(&["--run", "small"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let ran = train(&["--run", "large", "--resolution", "32", "--init-from", "small"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("begin at random, 0 were of no use"), "{}", ran.err);
    let ran = train(&["--run", "wide", "--set", "network.fmap_max=4", "--init-from", "small"]);
    refused(
        &ran,
        &["of another shape", "synthesis.b4.const: expected [1, 4, 4, 4], found [1, 8, 4, 4]"],
    );
}

#[test]
fn stylegan2_is_drawn_exported_and_begun_with() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let model = "sg2.safetensors";
    lines(at, ["import", &golden("stylegan2_ada_pytorch.pkl"), "--out", model]);
    assert_eq!(size(&at.join("sg2.png")), (4 * 32, 32));
    let drawn = lines(at, ["generate", "--model", model, "--seeds", "0-1", "--out", "drawn"]);
    assert_eq!(drawn.len(), 2);
    let export = |format: &str| lines(at, ["export", model, "--format", format]);
    assert_eq!(export("onnx"), ["out/sg2-mapping.onnx", "out/sg2-synthesis.onnx"]);
    assert_eq!(export("ada-npz"), ["out/sg2.npz"]);
    let ran = xtask(at, ["export", model, "--format", "genforce-pth"]);
    refused(&ran, &["only networks of StyleGAN and Progressive GAN"]);
    let mut train =
        "train --preset faces-32-sg2 --resolution 64 --kimg 0.008 --data faces:32 --run large"
            .split(' ')
            .collect::<Vec<_>>();
    for setting in [
        "network.fmap_base=256",
        "network.fmap_max=16",
        "generator.z_dim=32",
        "generator.w_dim=32",
        "generator.mapping_dim=32",
        "generator.mapping_layers=8",
        "generator.use_noise=true",
        "schedule.minibatch=4",
        "data.labels=false",
    ] {
        train.extend(["--set", setting]);
    }
    let ran = xtask(at, train.iter().chain(&["--init-from", model]));
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    // A block of 64x64 is new in the generator and in its average: two layers and the image's.
    assert!(ran.err.contains("32 begin at random, 0 were of no use"), "{}", ran.err);
}
