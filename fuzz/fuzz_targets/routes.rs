//! Which route a path finds: the path in the first line, patterns in those after it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantry_core::route::property::holds;

fuzz_target!(|text: &str| holds(text));
