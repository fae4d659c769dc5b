//! IDX files, gzipped or not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stylegan_fuzz::read_file;

fuzz_target!(|bytes: &[u8]| read_file("train-images-idx3-ubyte", bytes));
