//! What the agent sees of our environment: all of it but our own settings.

use std::process::Command;

use crate::config::{Kind, SETTINGS};

/// Takes every variable of a setting out of a command's environment, and of a secret's file too,
/// except those that `allowed` names. `PORT` is no setting of ours: it stays the agent's.
pub(super) fn scrub(command: &mut Command, allowed: &[String]) {
    for name in ours().filter(|name| !allowed.contains(name)) {
        command.env_remove(name);
    }
}

fn ours() -> impl Iterator<Item = String> {
    SETTINGS.iter().flat_map(|setting| {
        let file = (setting.kind == Kind::Secret).then(|| format!("{}_FILE", setting.variable));
        [Some(setting.variable.to_owned()), file].into_iter().flatten()
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn what_is_ours_is_taken_out_unless_it_is_named() {
        let mut command = Command::new("true");
        scrub(&mut command, &["GITHUB_TOKEN".to_owned(), "HOST".to_owned()]);
        let removed: Vec<&OsStr> = command.get_envs().map(|(name, _)| name).collect();
        for name in
            ["SKILLS_REPO", "GITHUB_TOKEN_FILE", "API_TOKEN", "API_TOKEN_FILE", "CHILD_ENV", "LOG_LEVEL"]
        {
            assert!(removed.contains(&OsStr::new(name)), "{name}");
        }
        for name in ["PORT", "PATH", "GITHUB_TOKEN", "HOST"] {
            assert!(!removed.contains(&OsStr::new(name)), "{name}");
        }
    }
}
