//! Fuzzes the first bytes of a connection; what must hold stands in `crates/wire/src/fuzzing/startup.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tenantry_wire::fuzzing::startup(input));
