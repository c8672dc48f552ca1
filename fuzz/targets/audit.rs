#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    skill_sync::fuzzing::audit(data);
    skill_sync::fuzzing::anchor(data);
});
