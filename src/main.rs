//! skill-sync: keeps a directory of AI-agent skills equal to a git branch.

use std::path::PathBuf;
use std::process::ExitCode;

mod cli;
mod commands;
mod config;
mod control;
mod daemon;
mod doctor;
mod forge;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod graph;
mod http;
mod identity;
mod metrics;
mod render;
mod supervise;
mod telemetry;
mod tell;
mod watch;
mod web;

/// The only reader of the environment.
fn main() -> ExitCode {
    let ambient = config::Ambient {
        variables: std::env::vars_os().collect(),
        // A directory that is gone leaves relative paths without a meaning; absolute ones still work.
        directory: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
        host_name: rustix::system::uname().nodename().to_string_lossy().into_owned(),
    };
    commands::run(&std::env::args_os().collect::<Vec<_>>(), &ambient)
}
