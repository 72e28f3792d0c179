//! Fuzzes messages from a server; what must hold stands in `crates/wire/src/fuzzing/backend.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tenantry_wire::fuzzing::backend(input));
