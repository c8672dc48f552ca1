//! `explain`: the page of a rule.

use std::process::ExitCode;

use anyhow::anyhow;
use reconciler::verdict::rules;

use super::{Context, Done, Failure, USAGE};
use crate::cli::Explain;
use crate::config::closest;

/// Prints what is known of a rule; exits 2 where there is no such rule.
pub(crate) fn run(context: &Context, explain: &Explain) -> Done {
    let handbook = rules::handbook();
    let Some(rule) = handbook.iter().find(|rule| rule.id == explain.rule) else {
        let nearest = closest(&explain.rule, handbook.iter().map(|rule| rule.id.as_str()));
        let like = nearest.map_or_else(String::new, |id| format!("; did you mean `{id}`?"));
        return Err(Failure::new(USAGE, anyhow!("there is no rule `{}`{like}", explain.rule)));
    };
    context.print(explain.output.format, rule)?;
    Ok(ExitCode::SUCCESS)
}
