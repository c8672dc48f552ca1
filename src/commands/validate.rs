//! `validate`: judges the skills below a directory, in a file, on stdin or at a revision, without a
//! repository to follow.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, stdin};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use reconciler::desired::{self, Desired, Revision};
use reconciler::finding::Severity;
use reconciler::tree::Skills;
use reconciler::verdict::{self, Law, MAX_FILE_BYTES, MemoryCache};

use super::{Context, Done, Failure, USAGE};
use crate::cli::{FailOn, Validate, ValidateFormat};
use crate::render;
use crate::render::validate::{Validation, View, sarif};

/// Prints the verdicts; exits 1 where a skill would be held, or a finding is as grave as was asked for.
pub(crate) fn run(context: &Context, validate: &Validate) -> Done {
    let cannot_tell = |error: anyhow::Error| Failure::new(USAGE, error);
    let policy = context.settings.rules.policy_file.as_deref();
    let mut law = context.settings.law();
    law.renew(policy).map_err(|error| cannot_tell(error.into()))?;
    let (validation, place) = judge(context, validate, &law).map_err(cannot_tell)?;
    let view = View { directory: place.directory(), block: law.judging.block, style: context.style };
    let line = |path: &str, number: u32| place.line(path, number);
    let printed = match validate.format {
        ValidateFormat::Text => render::print(view.text(&validation, line)),
        ValidateFormat::Json => render::print_json(&validation),
        ValidateFormat::Sarif => {
            let here = std::env::current_dir().context("cannot tell the working directory");
            let here = here.map_err(cannot_tell)?;
            render::print_json(&sarif::log(&view, &validation, &law.handbook(), &here, line))
        }
        ValidateFormat::Github => render::print(view.github(&validation)),
    };
    printed.context("cannot write to stdout").map_err(cannot_tell)?;
    let grave = validate.fail_on.map(severity).is_some_and(|least| validation.has(least));
    Ok(ExitCode::from(u8::from(validation.held() > 0 || grave)))
}

fn severity(least: FailOn) -> Severity {
    match least {
        FailOn::Low => Severity::Low,
        FailOn::Medium => Severity::Medium,
        FailOn::High => Severity::High,
        FailOn::Critical => Severity::Critical,
    }
}

fn judge(context: &Context, validate: &Validate, law: &Law) -> anyhow::Result<(Validation, Place)> {
    let selection = context.settings.selection();
    let path = &validate.path;
    let judged = |desired: &Desired, content: &dyn desired::Content| -> anyhow::Result<Validation> {
        let judged = verdict::judge(desired, content, &Skills::new(), law, &mut MemoryCache::default())?;
        Ok(Validation { skills: judged.report(), strays: judged.strays })
    };
    if let Some(rev) = &validate.rev {
        let read = desired::from_revision(path, rev, &selection)?;
        let validation = judged(&read.desired, &read.git)?;
        return Ok((validation, Place::Revision(base(path), Box::new(read))));
    }
    if path.as_os_str() == "-" {
        let text = read_stdin().context("cannot read stdin")?;
        let (desired, content) = desired::from_text(text.clone(), &selection)?;
        return Ok((judged(&desired, &content)?, Place::Text(text)));
    }
    let (desired, content) = desired::from_directory(path, &selection)?;
    Ok((judged(&desired, &content)?, Place::Disk(base(path))))
}

/// Reads no more than what is too large anyhow.
fn read_stdin() -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    stdin().lock().take(MAX_FILE_BYTES + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// The directory that the paths of findings are below, as it was given.
fn base(path: &Path) -> PathBuf {
    match path.is_file() {
        true => path.parent().unwrap_or(Path::new("")).to_owned(),
        false => path.to_owned(),
    }
}

/// Where the lines that findings are about are.
enum Place {
    Disk(PathBuf),
    Text(Vec<u8>),
    Revision(PathBuf, Box<Revision>),
}

/// The longest part of a file that is read for a line, in bytes.
const MOST: u64 = 1 << 20;

impl Place {
    fn directory(&self) -> PathBuf {
        match self {
            Self::Disk(base) | Self::Revision(base, _) => base.clone(),
            Self::Text(_) => PathBuf::new(),
        }
    }

    /// One line of a file, by its number from 1; none where it cannot be shown.
    fn line(&self, path: &str, number: u32) -> Option<String> {
        let at = usize::try_from(number.checked_sub(1)?).ok()?;
        match self {
            Self::Disk(base) => {
                let file = File::open(base.join(path)).ok();
                let file = file.filter(|file| file.metadata().is_ok_and(|meta| meta.is_file()))?;
                BufReader::new(file.take(MOST)).lines().nth(at)?.ok()
            }
            Self::Text(text) => text.as_slice().lines().nth(at)?.ok(),
            Self::Revision(_, read) => read.file(path)?.lines().nth(at)?.ok(),
        }
    }
}
