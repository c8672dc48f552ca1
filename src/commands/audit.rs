//! `audit`: the record that nobody can edit unseen.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use reconciler::record::{Anchor, Record, Verified};

use super::{Context, Done, Failure, USAGE};
use crate::cli::{Audit, ExportFormat, Output, Page};
use crate::render::export::Export;
use crate::render::verdict::Verdict;

mod project;

/// How many records are read at a time: what an export holds in memory.
const PAGE: usize = 1_000;

/// The largest file that is read as an anchor, in bytes: an anchor is 150.
const ANCHOR: usize = 64 << 10;

/// Runs one of them.
pub(crate) fn run(context: &Context, audit: &Audit) -> Done {
    match audit {
        Audit::List { page, output } => list(context, *page, *output),
        Audit::Verify { anchor, neo4j, output } => verify(context, anchor.as_deref(), *neo4j, *output),
        Audit::Project { rebuild, output } => project::run(context, *rebuild, *output),
        Audit::Anchor(output) => anchor(context, *output),
        Audit::Export { after, format } => export(context, *after, *format),
    }
}

fn list(context: &Context, page: Page, output: Output) -> Done {
    let records = context.record()?.audit(page.limit(), page.before).map_err(Failure::record)?;
    context.print(output.format, records.as_slice())?;
    Ok(ExitCode::SUCCESS)
}

fn anchor(context: &Context, output: Output) -> Done {
    let anchor = context.record()?.anchor().map_err(Failure::record)?;
    context.print(output.format, &anchor)?;
    Ok(ExitCode::SUCCESS)
}

fn export(context: &Context, after: u64, format: ExportFormat) -> Done {
    let record = context.record()?;
    let mut export = Export::begin(format).context("cannot write to stdout")?;
    let mut last = after;
    loop {
        let records = record.audit_after(last, PAGE).map_err(Failure::record)?;
        let Some(newest) = records.last() else { break };
        last = newest.seq;
        if !export.write(&records).context("cannot write to stdout")? {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Exits 1 only for a chain that is broken: that it could not be read is another thing.
fn verify(context: &Context, anchor: Option<&Path>, neo4j: bool, output: Output) -> Done {
    let cannot_tell = |failure: Failure| failure.code(USAGE);
    let record = context.record().map_err(cannot_tell)?;
    let verified = match anchor {
        None => record.verify(),
        Some(file) => record.verify_from(&read_anchor(file, &record).map_err(cannot_tell)?),
    };
    let verified = verified.map_err(|error| cannot_tell(Failure::record(error)))?;
    let whole = matches!(verified, Verified::Whole { .. });
    let neo4j = match neo4j {
        true => Some(project::verify(context).map_err(cannot_tell)?),
        false => None,
    };
    let agrees = neo4j.as_ref().is_none_or(|neo4j| neo4j.different == 0);
    context.print(output.format, &Verdict { chain: verified, neo4j })?;
    Ok(if whole && agrees { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Reads an anchor that can be compared: one from before the newest checkpoint cannot.
fn read_anchor(file: &Path, record: &Record) -> Result<Anchor, Failure> {
    let name = file.display();
    let text = std::fs::read(file).with_context(|| format!("cannot read the anchor `{name}`"))?;
    let wrong = || {
        anyhow!("`{name}` holds no anchor: it must be what `audit anchor` printed, one, as text or as JSON")
    };
    let text = String::from_utf8(text).ok().filter(|text| text.len() <= ANCHOR).ok_or_else(wrong)?;
    let anchor = parse_anchor(&text).ok_or_else(wrong)?;
    match record.checkpoint().map_err(Failure::record)? {
        Some(checkpoint) if checkpoint.through >= anchor.seq => Err(Failure::from(anyhow!(
            "`{name}` is the anchor of record {}, and the audit begins after record {} since a checkpoint \
             (AUDIT_KEEP): compare with a newer anchor",
            anchor.seq,
            checkpoint.through
        ))),
        _ => Ok(anchor),
    }
}

/// An anchor in either of its forms.
pub(super) fn parse_anchor(text: &str) -> Option<Anchor> {
    if let Ok(anchor) = serde_json::from_str(text) {
        return Some(anchor);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let [chain, seq, hash, at] = words.as_slice() else { return None };
    let (chain, seq) = ((*chain).to_owned(), seq.parse().ok()?);
    Some(Anchor { chain, seq, hash: hash.parse().ok()?, at: at.parse().ok()? })
}
