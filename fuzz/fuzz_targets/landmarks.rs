//! Files of landmarks.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = stylegan_dataset::prepare::Landmarks::parse(bytes);
});
