//! Any bytes as a pickle, PyTorch zip or legacy file: an error or values, never a panic, never much memory.
//!
//! `cargo +nightly fuzz run pickle -- -rss_limit_mb=512` in this folder's parent; the files of `tests/golden/import` are a
//! good corpus to begin with.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use stylegan_checkpoint::pickle::{Document, Limits, Value};

/// Looks at everything below a value, within a budget: a value may be referred to very often.
fn visit(value: Value, budget: &mut usize) {
    if *budget == 0 {
        return;
    }
    *budget -= 1;
    value.shown();
    value.class();
    if let Some(tensor) = value.tensor()
        && tensor.elements() < 1 << 16
    {
        assert_eq!(tensor.to_f32().len(), tensor.elements());
    }
    let items = value.items().unwrap_or_default();
    let entries = value.entries().unwrap_or_default();
    let pairs = entries.into_iter().flat_map(|(key, value)| [key, value]);
    let parts = value.arguments().unwrap_or_default().into_iter().chain(value.state());
    items.into_iter().chain(pairs).chain(parts).for_each(|part| visit(part, budget));
}

fuzz_target!(|bytes: &[u8]| {
    let opened = Document::from_bytes(Path::new("fuzz"), bytes.to_vec(), &Limits::default());
    if let Ok(document) = opened {
        visit(document.root(), &mut 4096);
    }
});
