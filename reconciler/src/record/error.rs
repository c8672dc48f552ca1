//! What can be wrong with the record, and who must act.

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};

use crate::report::Remedy;

/// Says why the record cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The operating system refused a file of ours.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nothing was ever recorded here, and the caller only reads.
    #[error(
        "there is no record at {}: no pass has run with this state directory yet; \
         run `skill-sync once` or check STATE_DIR", path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The database is gone, and its write-ahead log is still there.
    #[error(
        "the record {} is gone but {} is there: something removed it; put the database back, \
         or run `skill-sync state rebuild`, which sets aside what is left", path.display(), left.display()
    )]
    Lost {
        /// Where the database should be.
        path: PathBuf,
        /// What is left: its log, or a mirror that knows what was served.
        left: PathBuf,
    },
    /// The file is no SQLite database, or no plain file at all.
    #[error(
        "the record {} is {found}, not a database: restore it from a copy, or run \
         `skill-sync state rebuild`, which sets it aside", path.display()
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A database of some other program.
    #[error(
        "the database {} belongs to another program (application id {found:#010x}, ours is \
         {APPLICATION_ID:#010x}): check STATE_DIR; nothing was changed in it", path.display()
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// Whose it says it is.
        found: u32,
    },
    /// A newer skill-sync wrote it.
    #[error(
        "the record {} has format {found} and this version of skill-sync knows up to {known}: run the \
         newer version{}", path.display(), AsItWas(copy.as_deref())
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that we know.
        known: u32,
        /// The copy that the migration made of it in a format that we know, where there is one.
        copy: Option<PathBuf>,
    },
    /// An older skill-sync wrote it, and the caller only reads.
    #[error(
        "the record {} has format {found} and this version of skill-sync reads {known}: start the \
         service or run `skill-sync once`, which migrates it", path.display()
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The format that we know.
        known: u32,
    },
    /// It was not closed in order, and a reader must not put that right.
    #[error(
        "the record {} was not closed in order and its index {}-shm is missing, so it cannot be read \
         without writing: start the service or run `skill-sync once`, which recovers it",
        path.display(), path.display()
    )]
    NeedsRecovery {
        /// The file.
        path: PathBuf,
    },
    /// A writer appeared while it was read as it lay on disk.
    #[error("the record {} changed while it was read: ask again", path.display())]
    ChangedWhileRead {
        /// The file.
        path: PathBuf,
    },
    /// Its pages are damaged.
    #[error(
        "the record {} is damaged: restore it from a copy, or run `skill-sync state rebuild`, which \
         sets it aside and rebuilds it from what is served", path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// Its pages are whole and what they say cannot be.
    #[error(
        "the record {} holds what skill-sync never wrote ({what}): restore it from a copy, or run \
         `skill-sync state rebuild`, which sets it aside", path.display()
    )]
    Inconsistent {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// The disk is full.
    #[error("the record {} cannot grow: free space on its file system; nothing was lost", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// Somebody else holds its lock.
    #[error("the record {} is locked by another process, such as a shell on the database", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// It may not be written.
    #[error("the record {} cannot be written: check the owner and mode of it and its directory",
        path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The disk failed, or SQLite did.
    #[error("the record {} could not be read or written: check its disk; the next pass tries again", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// Marks a database as ours in its header: `skSY`.
pub(super) const APPLICATION_ID: u32 = 0x736b_5359;

/// The end of the sentence that refuses a newer database.
struct AsItWas<'a>(Option<&'a Path>);

impl fmt::Display for AsItWas<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(copy) => write!(
                f,
                ", or go back to the copy that it made before it migrated, {}, by renaming it over the record",
                copy.display()
            ),
            None => write!(f, "; there is no copy from before its migration beside it"),
        }
    }
}

impl RecordError {
    /// Who must act: the disk and a lock may heal by themselves, the rest needs a person.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Io { .. }
            | Self::Full { .. }
            | Self::Busy { .. }
            // A volume that was remounted read-only says it too.
            | Self::ReadOnly { .. }
            | Self::ChangedWhileRead { .. }
            | Self::Database { .. } => Remedy::Retry(None),
            Self::Missing { .. }
            | Self::Lost { .. }
            | Self::NotADatabase { .. }
            | Self::NotOurs { .. }
            | Self::Newer { .. }
            | Self::Older { .. }
            | Self::NeedsRecovery { .. }
            | Self::Corrupt { .. }
            | Self::Inconsistent { .. } => Remedy::Person,
        }
    }

    /// Names the database that a fault is about.
    pub(super) fn at(path: &Path, fault: Fault) -> Self {
        let path = path.to_owned();
        let source = match fault {
            Fault::Odd(what) => return Self::Inconsistent { path, what },
            Fault::Sqlite(source) => source,
        };
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => {
                Self::NotADatabase { path, found: "a file of some other format" }
            }
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt { path, source },
            Some(ErrorCode::DiskFull) => Self::Full { path, source },
            // The index of the write-ahead log could not be given its first bytes.
            Some(ErrorCode::SystemIoFailure) if extended(&source) == Some(ffi::SQLITE_IOERR_SHMSIZE) => {
                Self::Full { path, source }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path, source },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly { path, source },
            // A table that is missing, a value that breaks a constraint, a text where a number was.
            Some(ErrorCode::Unknown | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch) | None => {
                Self::Inconsistent { path, what: source.to_string() }
            }
            Some(_) => Self::Database { path, source },
        }
    }
}

/// What SQLite says beyond the kind of error.
fn extended(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}

/// What goes wrong in a query, before it is known of which database.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite refused.
    Sqlite(rusqlite::Error),
    /// A row that we cannot have written.
    Odd(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<rusqlite::types::FromSqlError> for Fault {
    fn from(error: rusqlite::types::FromSqlError) -> Self {
        Self::Sqlite(error.into())
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Odd(format!("JSON that does not parse: {error}"))
    }
}

impl From<crate::ids::ParseIdError> for Fault {
    fn from(error: crate::ids::ParseIdError) -> Self {
        Self::Odd(error.to_string())
    }
}

impl From<crate::path::PathError> for Fault {
    fn from(error: crate::path::PathError) -> Self {
        Self::Odd(format!("a path that is none: {error}"))
    }
}
