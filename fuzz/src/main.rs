//! One libFuzzer program for all targets. `FUZZ_TARGET` names the target to run, the arguments are libFuzzer's.
#![no_main]

use std::sync::LazyLock;

use conversations_fuzz::target;

static CHECK: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET must name a target");
    target(&name).unwrap_or_else(|| panic!("there is no target {name}")).check
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| CHECK(input));
