//! The payload of a TFRecord.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = stylegan_dataset::source::parse_example(bytes);
});
