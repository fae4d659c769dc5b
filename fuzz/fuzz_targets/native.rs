//! The header of a prepared set.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stylegan_fuzz::read_file;

fuzz_target!(|bytes: &[u8]| read_file("set.json", bytes));
