//! Asks the linker for relative relocations in their packed form (`DT_RELR`), which take a thirtieth of the room;
//! Linux's C library reads it since 2.36, and a linker that does not know it ignores it.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("gnu") {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
