//! What must hold of any settings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a way to fail")]
#![allow(unreachable_pub, reason = "the crate of fuzz targets is another one")]

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use super::{Ambient, Demand, Flags, Kind, SETTINGS, load};

/// Of lines `NAME=value`, as an environment; a name that is a number is that setting's.
fn variables(data: &[u8]) -> Vec<(OsString, OsString)> {
    let os = |bytes: &[u8]| std::ffi::OsStr::from_bytes(bytes).to_owned();
    let lines = data.split(|byte| *byte == b'\n').take(64);
    let pairs = lines.filter_map(|line| {
        let at = line.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (&line[..at], &line[at + 1..]);
        let number = std::str::from_utf8(name).ok().and_then(|name| name.parse::<usize>().ok());
        let setting = number.and_then(|number| SETTINGS.get(number));
        Some((setting.map_or_else(|| os(name), |setting| setting.variable.into()), os(value)))
    });
    pairs.collect()
}

/// No setting ends the program, what is wrong is said, and no text holds a secret.
pub fn check(data: &[u8]) {
    let ambient = Ambient {
        variables: variables(data),
        directory: PathBuf::from("/work"),
        host_name: "host".to_owned(),
    };
    let told = match load(&ambient, &Flags::default(), Demand::default(), Vec::new()) {
        Ok((settings, warnings)) => {
            assert!(settings.target.is_absolute(), "a path that is relative: {:?}", settings.target);
            assert!(settings.state.as_ref().is_none_or(|state| state.is_absolute()));
            warnings.iter().map(|warning| format!("{warning}\n")).collect::<String>()
                + &format!("{settings:?}")
        }
        Err(problems) => {
            assert!(!problems.0.is_empty(), "refused without a word");
            problems.to_string() + &format!("{problems:?}")
        }
    };
    for setting in SETTINGS.iter().filter(|setting| setting.kind == Kind::Secret) {
        let given = ambient.variables.iter().find(|(name, _)| name == setting.variable);
        let Some(secret) = given.and_then(|(_, value)| value.to_str()).map(str::trim) else { continue };
        // What is short, or said elsewhere too, is in the text for another reason.
        let said = ambient.variables.iter().filter(|(name, value)| {
            let is_in = |text: &OsString| text.to_string_lossy().contains(secret);
            is_in(name) || is_in(value)
        });
        if secret.len() >= 24 && said.count() == 1 {
            assert!(!told.contains(secret), "{} is shown", setting.variable);
        }
    }
}
