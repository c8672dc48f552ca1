//! What must hold for any input that reaches the service: the targets of `fuzz/` call it with inputs that are
//! made up, and the tests with those that are kept.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a way to fail")]
#![allow(unreachable_pub, reason = "the crate of fuzz targets is another one")]

pub use crate::commands::fuzzing::check as anchor;
pub use crate::config::fuzzing::check as settings;
pub use crate::graph::fuzzing::check as audit;
pub use crate::http::webhook::fuzzing::check as webhook;

#[cfg(test)]
mod tests {
    /// Calls a check with each input that is kept for it.
    fn each_kept(target: &str, check: impl Fn(&[u8])) {
        let place = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
        let mut count = 0;
        for entry in std::fs::read_dir(&place).expect("seeds") {
            let path = entry.expect("an entry").path();
            println!("{}", path.display());
            check(&std::fs::read(&path).expect("its bytes"));
            count += 1;
        }
        assert!(count > 0, "no seeds in {}", place.display());
    }

    #[test]
    fn what_must_hold_for_any_input_holds_for_those_that_are_kept() {
        each_kept("webhook", super::webhook);
        each_kept("settings", super::settings);
        each_kept("audit", |data| {
            super::audit(data);
            super::anchor(data);
        });
    }
}
