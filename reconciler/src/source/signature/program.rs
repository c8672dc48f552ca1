//! Running a program that judges a signature: with files for what it reads and says, with no
//! environment, and not for ever.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::report::Remedy;

/// How long one signature may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of what a program says is read, in bytes.
const MAX_SAID: u64 = 64 * 1024;

/// Says why a program did not judge a signature.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are what the messages name")]
pub enum ProgramError {
    #[error("cannot run `{program}`, which verifies {form} signatures; install {package}")]
    Absent { program: &'static str, form: &'static str, package: &'static str, source: io::Error },
    #[error("`{program}` did not judge a signature in {} s", PATIENCE.as_secs())]
    Slow { program: &'static str },
    #[error("cannot {what} {}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
}

impl ProgramError {
    /// Who must act.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Absent { source, .. } if source.kind() == io::ErrorKind::NotFound => Remedy::Person,
            _ => Remedy::Retry(None),
        }
    }

    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// A directory for what a program reads and writes; it goes with this value, and one that a crash left is
/// taken over.
pub(super) struct Scratch(PathBuf);

/// One of the programs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) form: &'static str,
    pub(super) package: &'static str,
}

/// What a program said, and whether it ended well.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) well: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Scratch {
    pub(super) fn make(path: &Path) -> Result<Self, ProgramError> {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(ProgramError::io("remove", path)(error));
            }
            _ => {}
        }
        fs::DirBuilder::new().mode(0o700).create(path).map_err(ProgramError::io("create", path))?;
        Ok(Self(path.to_owned()))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, ProgramError> {
        let path = self.path(name);
        fs::write(&path, bytes).map_err(ProgramError::io("write", &path))?;
        Ok(path)
    }

    /// Runs a program with these arguments, and a file of ours on its stdin.
    pub(super) fn run(
        &self,
        program: Program,
        arguments: &[&str],
        stdin: &Path,
    ) -> Result<Said, ProgramError> {
        let (out, err) = (self.path("stdout"), self.path("stderr"));
        let create = |path: &Path| File::create(path).map_err(ProgramError::io("create", path));
        let input = File::open(stdin).map_err(ProgramError::io("open", stdin))?;
        let Program { name, form, package } = program;
        let mut child = Command::new(name)
            .args(arguments)
            .env_clear()
            // Dates without a zone are read as UTC, whatever this machine's zone is.
            .envs([("LC_ALL", "C"), ("TZ", "UTC")])
            .current_dir(&self.0)
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(create(&out)?))
            .stderr(Stdio::from(create(&err)?))
            .spawn()
            .map_err(|source| ProgramError::Absent { program: name, form, package, source })?;
        let until = Instant::now() + PATIENCE;
        let status = loop {
            match child.try_wait().map_err(ProgramError::io("wait for", Path::new(name)))? {
                Some(status) => break status,
                None if Instant::now() < until => std::thread::sleep(Duration::from_millis(1)),
                None => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(ProgramError::Slow { program: name });
                }
            }
        };
        Ok(Said { well: status.success(), stdout: text(&out)?, stderr: text(&err)? })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is taken over by the next.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(path: &Path) -> Result<String, ProgramError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_SAID).read_to_end(&mut bytes));
    read.map_err(ProgramError::io("read", path))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
