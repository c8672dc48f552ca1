//! The command that would be supervised, and who it would run as.

use std::path::Path;

use super::{Check, Subject};
use crate::supervise;

pub(super) fn checks(subject: Subject<'_>) -> Vec<Check> {
    let Some(program) = subject.command.first() else { return Vec::new() };
    let shown = program.to_string_lossy();
    let comes_later = Path::new(program).starts_with(&subject.settings.target);
    let search = subject.ambient.variable("PATH").cloned().unwrap_or_default();
    let found = match supervise::find(program, &search) {
        Some(path) => Check::ok("command", format!("`{shown}` is `{}`", path.display())),
        None if comes_later => {
            Check::note("command", format!("`{shown}` is not there yet; it would come with the skills"))
        }
        None => Check::problem(
            "command",
            format!("the command `{shown}` was not found"),
            "check its spelling and PATH, or give its whole path",
        ),
    };
    vec![found, user(subject)]
}

fn user(subject: Subject<'_>) -> Check {
    let ours = rustix::process::geteuid();
    let Some((uid, gid)) = subject.settings.child.user else {
        return Check::warning(
            "child-user",
            format!(
                "the agent would run as we do (uid {}): it can change its skills and our state, and the record with them",
                ours.as_raw()
            ),
            "set CHILD_USER to another user, such as 1000:1000, and run skill-sync as root",
        );
    };
    if !ours.is_root() && ours.as_raw() != uid {
        return Check::problem(
            "child-user",
            format!(
                "CHILD_USER is {uid}:{gid} and we run as uid {}: only root may start a process as somebody else",
                ours.as_raw()
            ),
            "run skill-sync as root, or unset CHILD_USER",
        );
    }
    if ours.as_raw() == uid {
        return Check::warning(
            "child-user",
            format!(
                "CHILD_USER {uid}:{gid} is the user that we run as: the agent can change its skills and our state"
            ),
            "choose another user than that of skill-sync",
        );
    }
    if !supervise::has_name(uid) {
        return Check::warning(
            "child-user",
            format!("CHILD_USER {uid} has no name in /etc/passwd: programs that ask for theirs fail"),
            "add the user to the image, or choose one that it has",
        );
    }
    Check::ok("child-user", format!("the agent would run as {uid}:{gid}, and cannot change its skills"))
}
