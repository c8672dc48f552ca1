//! `drift`: the bytes that passes overwrote.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use reconciler::drift::{self, DriftError};
use reconciler::reconcile::MIRROR;
use reconciler::record::{Drifted, Record};
use reconciler::source::Mirror;

use super::{Context, Done, Failure, USAGE};
use crate::cli::Drift;
use crate::render;

/// Runs one of the four.
pub(crate) fn run(context: &Context, drift: &Drift) -> Done {
    let record = context.record()?;
    match drift {
        Drift::List(output) => {
            let kept = record.kept().map_err(Failure::record)?;
            context.print(output.format, kept.as_slice())?;
        }
        Drift::Show { id } => {
            let (_, mut bytes) = open(context, &record, id)?;
            render::copy(&mut bytes).context("cannot write to stdout")?;
        }
        Drift::Restore { id, to } => {
            let (kept, mut bytes) = open(context, &record, id)?;
            let size = restore(&mut bytes, to)?;
            let said = render::restored(&kept.path, size, to);
            render::print(said).context("cannot write to stdout")?;
        }
        Drift::Patch { id } => {
            let patch = drift::patch(&record, &mirror(context)?, id.as_deref()).map_err(failed)?;
            render::copy(&mut patch.as_slice()).context("cannot write to stdout")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn open(context: &Context, record: &Record, id: &str) -> Result<(Drifted, Box<dyn Read>), Failure> {
    let kept = drift::find(record, id).map_err(failed)?;
    let bytes = drift::open(&context.state()?, &mirror(context)?, &kept).map_err(failed)?;
    Ok((kept, bytes))
}

/// The mirror, for reading; none is made.
fn mirror(context: &Context) -> Result<Mirror, Failure> {
    let path = context.state()?.join(MIRROR);
    if !path.exists() {
        let error = anyhow!("the mirror `{}` is gone, and what was kept with it", path.display());
        return Err(Failure::new(5, error));
    }
    Mirror::open(&path).map_err(|error| Failure::new(error.remedy().outcome().exit_code(), error))
}

/// Writes a file that was not there: nothing is ever overwritten by bringing something back.
fn restore(bytes: &mut dyn Read, to: &Path) -> Result<u64, Failure> {
    let cannot = || format!("cannot write `{}`", to.display());
    let mut file = match OpenOptions::new().write(true).create_new(true).open(to) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let error =
                anyhow!("`{}` is there already and is not overwritten; name another file", to.display());
            return Err(Failure::new(USAGE, error));
        }
        file => file.with_context(cannot)?,
    };
    let written = std::io::copy(bytes, &mut file).and_then(|size| file.sync_all().map(|()| size));
    Ok(written.with_context(cannot)?)
}

fn failed(error: DriftError) -> Failure {
    let code = match error {
        DriftError::Unknown { .. } => USAGE,
        _ => error.remedy().outcome().exit_code(),
    };
    Failure::new(code, error)
}
