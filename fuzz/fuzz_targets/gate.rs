//! The byte check before the HTTP server, by bytes that nobody has thought of.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry_edge::gateway::gate_property::holds;

fuzz_target!(|input: (u16, &[u8])| holds(input.1, usize::from(input.0)));
