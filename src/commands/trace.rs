//! `trace`: which commit, pass and actor put something on the volume.

use std::path::Path;
use std::process::ExitCode;

use anyhow::anyhow;
use reconciler::record::Record;

use super::{Context, Done, Failure};
use crate::cli::Output;
use crate::render::escape::terminal;

/// Prints what the audit says of a path.
pub(crate) fn run(context: &Context, path: &Path, output: Output) -> Done {
    let record = context.record()?;
    let asked = below(path, &context.settings.target);
    match record.trace(&asked).map_err(Failure::record)? {
        Some(trace) => context.print(output.format, &trace)?,
        None => return Err(nothing(&record, &asked)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// The path below the target, however it was named.
fn below(path: &Path, target: &Path) -> String {
    let path = path.strip_prefix(target).unwrap_or(path);
    let path = path.strip_prefix(".").unwrap_or(path).to_string_lossy();
    path.trim_end_matches('/').to_owned()
}

fn nothing(record: &Record, asked: &str) -> Result<Failure, Failure> {
    let asked = terminal(asked);
    Ok(Failure::from(match record.checkpoint().map_err(Failure::record)? {
        Some(checkpoint) => anyhow!(
            "nothing on record put `{asked}` on the volume since record {}: what was before it is let go of \
             (AUDIT_KEEP)",
            checkpoint.through
        ),
        None => anyhow!(
            "nothing on record put `{asked}` on the volume: give a path below SKILLS_DIR, or the id of a skill"
        ),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_seen_from_the_target_however_it_is_named() {
        let target = Path::new("/data/skills");
        for path in ["/data/skills/a/SKILL.md", "./a/SKILL.md", "a/SKILL.md"] {
            assert_eq!(below(Path::new(path), target), "a/SKILL.md", "{path}");
        }
        assert_eq!(below(Path::new("a/"), target), "a");
        assert_eq!(below(Path::new("/etc/passwd"), target), "/etc/passwd");
    }
}
