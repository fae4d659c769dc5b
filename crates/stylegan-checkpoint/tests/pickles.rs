//! Files as people have them, and damaged and hostile ones.

#![allow(clippy::unwrap_used, reason = "the helpers of tests panic as tests do")]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use stylegan_checkpoint::CheckpointError;
use stylegan_checkpoint::pickle::{Container, Document, Limits, PickleFault, Value};

const FILES: [(&str, Container); 4] = [
    ("stylegan1_official_tf.pkl", Container::Pickle),
    ("stylegan2_ada_pytorch.pkl", Container::Pickle),
    ("stylegan1_genforce.pth", Container::TorchZip),
    ("stylegan1_genforce_legacy_serialization.pth", Container::TorchLegacy),
];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/import").join(name)
}

fn fault(error: CheckpointError) -> PickleFault {
    match error {
        CheckpointError::Pickle { source, .. } => source,
        other => panic!("{other}"),
    }
}

/// Looks at everything below a value, as far as it is a tree of reasonable size.
fn visit(value: Value, budget: &mut usize) {
    if *budget == 0 {
        return;
    }
    *budget -= 1;
    value.shown();
    if let Some(tensor) = value.tensor()
        && tensor.elements() < 1 << 20
    {
        assert_eq!(tensor.to_f32().len(), tensor.elements());
    }
    let items = value.items().unwrap_or_default();
    let entries = value.entries().unwrap_or_default();
    let pairs = entries.into_iter().flat_map(|(key, value)| [key, value]);
    let parts = value.arguments().unwrap_or_default().into_iter().chain(value.state());
    items.into_iter().chain(pairs).chain(parts).for_each(|part| visit(part, budget));
}

#[test]
fn the_files_people_have() {
    for (name, container) in FILES {
        let document = Document::open(&path(name)).unwrap();
        assert_eq!(document.container(), container, "{name}");
        let mut budget = 1 << 16;
        visit(document.root(), &mut budget);
        assert!(budget > 0 && budget < (1 << 16) - 100, "{name}: {budget}");
    }
}

#[test]
fn both_serializations_of_pytorch_hold_the_same_numbers() {
    let [zip, legacy] = [2, 3].map(|file| Document::open(&path(FILES[file].0)).unwrap());
    let generators = [&zip, &legacy]
        .map(|file| file.root().get("generator_smooth").or(file.root().get("generator")));
    let [zip, legacy] = generators.map(|generator| generator.unwrap().entries().unwrap());
    assert_eq!(zip.len(), legacy.len());
    for ((name, a), (other, b)) in zip.iter().zip(&legacy) {
        assert_eq!(name.as_str(), other.as_str());
        let (a, b) = (a.tensor().unwrap(), b.tensor().unwrap());
        assert_eq!((a.shape(), a.to_f32()), (b.shape(), b.to_f32()));
    }
}

#[test]
fn hostile_and_truncated_files_are_refused_and_nothing_runs() {
    let before = std::env::current_dir().unwrap().read_dir().unwrap().count();
    let hostile = fault(Document::open(&path("hostile_os_system.pkl")).unwrap_err());
    assert_eq!(hostile, PickleFault::Refused("posix.system".to_owned()));
    let truncated = fault(Document::open(&path("truncated.pkl")).unwrap_err());
    assert!(truncated.to_string().contains("truncated"), "{truncated}");
    assert_eq!(std::env::current_dir().unwrap().read_dir().unwrap().count(), before);
}

#[test]
fn a_zip_that_lies_about_sizes_is_refused() {
    let honest = std::fs::read(path("stylegan1_genforce.pth")).unwrap();
    // In the table of contents: the sizes of every entry, one after the other.
    let headers: Vec<usize> =
        (0..honest.len() - 4).filter(|&at| honest[at..].starts_with(b"PK\x01\x02")).collect();
    assert!(headers.len() > 100);
    for &at in headers.iter().step_by(7) {
        for (field, value) in [(20, 0x7fff_fff0u32), (24, 0x7fff_fff0), (24, 1), (42, 0x0fff_ffff)]
        {
            let mut lying = honest.clone();
            lying[at + field..at + field + 4].copy_from_slice(&value.to_le_bytes());
            let opened = Document::from_bytes(Path::new("lying.pth"), lying, &Limits::default());
            fault(opened.unwrap_err());
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for (name, _) in FILES {
        let whole = std::fs::read(path(name)).unwrap();
        for length in (0..whole.len()).step_by(whole.len() / 97) {
            let cut = whole[..length].to_vec();
            let opened = Document::from_bytes(Path::new(name), cut, &Limits::default());
            assert!(opened.is_err(), "{name} cut at {length}");
        }
    }
}

static WHOLE: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| FILES.iter().map(|(name, _)| std::fs::read(path(name)).unwrap()).collect());

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Changed bytes give an error or other values, never a panic, within the limits.
    #[test]
    fn mutated_files_do_no_harm(
        file in 0..FILES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        near_start in any::<bool>(),
    ) {
        let mut bytes = WHOLE[file].clone();
        // Most of a file is numbers; half of the cases change its structure only.
        let length = if near_start { 4000 } else { bytes.len() };
        for (at, byte) in changes {
            bytes[at.index(length)] = byte;
        }
        if let Ok(document) = Document::from_bytes(Path::new("mutated"), bytes, &Limits::default()) {
            visit(document.root(), &mut (1 << 13));
        }
    }

    /// Opcodes in any order.
    #[test]
    fn random_programs_do_no_harm(
        program in prop::collection::vec(
            prop::sample::select(b"(.012NIJKMGSVUTXBC])}lteausdbR\x80\x81\x85\x86\x87\x88\x89\x8a\x8c\x8e\x8f\x90\x91\x93\x94\x95\x96\x97\x98qhrjgpcioPQ\0\x01\x02\n\xff".to_vec()),
            0..200,
        ),
    ) {
        let limits = Limits::default();
        if let Ok(document) = Document::from_bytes(Path::new("random"), program, &limits) {
            visit(document.root(), &mut (1 << 13));
        }
    }
}
