//! skill-sync: keeps a directory of AI-agent skills equal to a git branch.

mod cli;
mod config;
mod daemon;
mod http;
mod metrics;
mod render;
mod telemetry;

fn main() {}
