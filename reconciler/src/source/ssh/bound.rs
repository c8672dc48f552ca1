//! The two programs around ssh that are this one: what ssh is started by, so that it dies with the
//! fetch, and what it asks for a passphrase.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Write};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use super::super::process;

/// The first argument of the process that becomes ssh; the pid that it must not outlive and the command
/// follow.
pub(in super::super) const BIND: &str = "bind";

/// The variable that tells this program that ssh asks it for a passphrase. It says nothing else.
pub const ASKPASS: &str = "SKILL_SYNC_ASKPASS";

/// What the askpass tells the fetch by way of ssh's stderr.
pub(super) const ASKED: &str = "skill-sync: ssh asked for the passphrase";

/// What it says where there is no ssh to become.
pub(super) const NO_SSH: &str = "skill-sync: ";

/// The exit code of a shell that does not find a command.
const NOT_FOUND: u8 = 127;

/// Becomes the command that follows the parent's pid, and dies with that parent. It has no terminal: ssh
/// would ask the person in front of it.
pub(in super::super) fn become_ssh(arguments: &[OsString]) -> ExitCode {
    let detail = match arguments {
        [parent, program, rest @ ..] => match bind(&parent.to_string_lossy()) {
            Ok(()) => Command::new(program).args(rest).env(ASKPASS, "1").exec().to_string(),
            Err(detail) => detail,
        },
        _ => "no command was given".to_owned(),
    };
    // Its stderr is the fetch's to read.
    let _ = writeln!(io::stderr(), "{NO_SSH}{detail}");
    ExitCode::from(NOT_FOUND)
}

fn bind(parent: &str) -> Result<(), String> {
    let parent = parent.parse().map_err(|_| format!("`{parent}` is no process"))?;
    // It leads no group: it was just started.
    let _ = rustix::process::setsid();
    process::bind_to(parent)
}

/// Answers ssh with the passphrase that the fetch has put into the socket that is our stderr.
pub fn askpass(mut output: impl Write) -> ExitCode {
    let mut answer = || -> io::Result<()> {
        let mut socket = UnixStream::from(io::stderr().as_fd().try_clone_to_owned()?);
        socket.set_nonblocking(false)?;
        writeln!(socket, "{ASKED}")?;
        let mut passphrase = Vec::new();
        BufReader::new(socket).read_until(b'\n', &mut passphrase)?;
        output.write_all(&passphrase)?;
        output.flush()
    };
    if answer().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
