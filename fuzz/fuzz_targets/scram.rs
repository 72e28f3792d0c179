//! Fuzzes a client that proves a password; what must hold stands in `crates/wire/src/fuzzing/scram.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tenantry_wire::fuzzing::scram(input));
