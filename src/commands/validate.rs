//! `validate`: judges the skills below a directory, without a repository.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use reconciler::desired;
use reconciler::tree::Skills;
use reconciler::verdict::{self, Law, MemoryCache};

use super::{Context, Done, Failure, USAGE};
use crate::cli::{Validate, ValidateFormat};
use crate::render;
use crate::render::validate::{Validation, View};

/// Prints the verdicts; exits 1 where a skill would be held.
pub(crate) fn run(context: &Context, validate: &Validate) -> Done {
    let validation = judge(context, &validate.path)?;
    let view = View {
        directory: validate.path.clone(),
        block: context.settings.judging().block,
        style: context.style,
    };
    let printed = match validate.format {
        ValidateFormat::Text => render::print(view.text(&validation, line)),
        ValidateFormat::Json => render::print_json(&validation),
        ValidateFormat::Github => render::print(view.github(&validation)),
    };
    printed.context("cannot write to stdout").map_err(|error| Failure::new(USAGE, error))?;
    Ok(ExitCode::from(u8::from(validation.held() > 0)))
}

fn judge(context: &Context, path: &Path) -> Result<Validation, Failure> {
    let settings = &context.settings;
    let cannot_tell = |error: anyhow::Error| Failure::new(USAGE, error);
    let (desired, content) =
        desired::from_directory(path, &settings.selection()).map_err(|error| cannot_tell(error.into()))?;
    let mut memory = MemoryCache::default();
    let judged =
        verdict::judge(&desired, &content, &Skills::new(), &Law::new(settings.judging()), &mut memory)
            .map_err(|error| cannot_tell(error.into()))?;
    Ok(Validation { skills: judged.report(), strays: judged.strays })
}

/// The longest part of a file that is read for the line that a finding is about, in bytes: front
/// matter is at the beginning.
const MOST: u64 = 1 << 20;

/// One line of a file, by its number from 1; none where it cannot be shown.
fn line(path: &Path, number: u32) -> Option<String> {
    let at = usize::try_from(number.checked_sub(1)?).ok()?;
    let file = File::open(path).ok().filter(|file| file.metadata().is_ok_and(|meta| meta.is_file()))?;
    BufReader::new(file.take(MOST)).lines().nth(at)?.ok()
}
