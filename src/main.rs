//! skill-sync: keeps a directory of AI-agent skills equal to a git branch.

mod config;

fn main() {}
