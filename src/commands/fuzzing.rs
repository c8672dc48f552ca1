//! What must hold of any file that is given as an anchor.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a way to fail")]
#![allow(unreachable_pub, reason = "the crate of fuzz targets is another one")]

/// What is read as an anchor is the same when it is written and read again.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(anchor) = super::audit::parse_anchor(text) else { return };
    let json = serde_json::to_string(&anchor).expect("JSON");
    assert_eq!(super::audit::parse_anchor(&json), Some(anchor), "{json}");
}
