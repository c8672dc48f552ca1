//! skill-sync: keeps a directory of AI-agent skills equal to a git branch.

mod cli;
mod config;
mod render;
mod status;
mod telemetry;

fn main() {}
