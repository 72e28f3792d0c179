//! Fuzzes messages from a client; what must hold stands in `crates/wire/src/fuzzing/frontend.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tenantry_wire::fuzzing::frontend(input));
