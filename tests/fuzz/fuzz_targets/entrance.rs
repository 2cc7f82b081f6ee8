#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lenslet_fuzz::run("entrance", data));
