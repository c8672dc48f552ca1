//! Finding, making and migrating the database file: never a silent new one where one was.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::error::{APPLICATION_ID, Fault, RecordError};
use super::{audit, schema};
use crate::ids::Timestamp;

/// A database that was opened, and which file it is.
pub(super) struct Opened {
    pub(super) db: Connection,
    pub(super) file: Identity,
    /// Whether it is read as it lies on disk, without locks: nobody had it open.
    pub(super) at_rest: bool,
}

/// Which file a path led to, and as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) dev: u64,
    pub(super) ino: u64,
    pub(super) size: u64,
    pub(super) mtime: (i64, i64),
}

impl Identity {
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let meta = fs::metadata(path)?;
        let mtime = (meta.mtime(), meta.mtime_nsec());
        Ok(Self { dev: meta.dev(), ino: meta.ino(), size: meta.len(), mtime })
    }

    /// Whether both are the same file, whatever is in it.
    pub(super) fn is_same_file(&self, other: &Self) -> bool {
        (self.dev, self.ino) == (other.dev, other.ino)
    }
}

/// A name beside the database: its log, its copies.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> RecordError {
    let path = path.to_owned();
    move |source| RecordError::Io { doing, path, source }
}

/// What is at the path of a database.
enum At {
    Nothing,
    File,
}

fn look(path: &Path) -> Result<At, RecordError> {
    let not_ours = |found| RecordError::NotADatabase { path: path.to_owned(), found };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(At::Nothing),
        Err(error) => Err(io("look at", path)(error)),
        Ok(meta) if meta.is_symlink() => Err(not_ours("a symbolic link")),
        Ok(meta) if meta.is_dir() => Err(not_ours("a directory")),
        Ok(meta) if !meta.is_file() => Err(not_ours("a special file")),
        // SQLite takes an empty file for a new database, and what emptied it may have been a fault.
        Ok(meta) if meta.len() == 0 => Err(not_ours("an empty file")),
        Ok(_) => Ok(At::File),
    }
}

/// Opens the database for writing; makes it where there was none, migrates it where it is older.
pub(super) fn writer(path: &Path, environment: &str, steps: &[&str]) -> Result<Opened, RecordError> {
    if let At::Nothing = look(path)? {
        let log = beside(path, "-wal");
        if log.exists() {
            return Err(RecordError::Lost { path: path.to_owned(), left: log });
        }
        create(path, environment, steps)?;
    }
    // SQLite would say "unable to open", and not why.
    OpenOptions::new().read(true).write(true).open(path).map_err(io("open the record", path))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let fault = |fault| RecordError::at(path, fault);
    let mut db = Connection::open_with_flags(path, flags).map_err(|e| fault(e.into()))?;
    schema::settle_connection(&db).map_err(fault)?;
    let found = check_ours(path, &db, steps)?;
    schema::settle_writer(&db).map_err(fault)?;
    if found < schema::known(steps) {
        copy_first(path, &db, found)?;
        schema::migrate(&mut db, steps).map_err(fault)?;
    }
    let file = Identity::of(path).map_err(io("look at", path))?;
    Ok(Opened { db, file, at_rest: false })
}

/// Opens the database for reading, beside a running service or without one; never makes a file.
pub(super) fn reader(path: &Path, steps: &[&str]) -> Result<Opened, RecordError> {
    if let At::Nothing = look(path)? {
        return Err(RecordError::Missing { path: path.to_owned() });
    }
    File::open(path).map_err(io("open the record", path))?;
    let file = Identity::of(path).map_err(io("look at", path))?;
    let at_rest = !beside(path, "-shm").exists();
    if at_rest && fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0) {
        return Err(RecordError::NeedsRecovery { path: path.to_owned() });
    }
    let fault = |fault| RecordError::at(path, fault);
    let db = connect_to_read(path, at_rest).map_err(fault)?;
    schema::settle_connection(&db).map_err(fault)?;
    let (found, known) = (check_ours(path, &db, steps)?, schema::known(steps));
    if found < known {
        return Err(RecordError::Older { path: path.to_owned(), found, known });
    }
    Ok(Opened { db, file, at_rest })
}

fn connect_to_read(path: &Path, at_rest: bool) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if !at_rest {
        return Ok(Connection::open_with_flags(path, flags)?);
    }
    // Nobody has it open: without `immutable` SQLite would make the log and its index to read it.
    let uri = format!("file:{}?immutable=1", percent_encoded(path));
    Ok(Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?)
}

fn percent_encoded(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    let encode = |byte: &u8| {
        if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }
    };
    path.as_os_str().as_bytes().iter().map(encode).collect()
}

/// Whose it is and in which format, before anything is written: the format, where it is ours and
/// not newer.
fn check_ours(path: &Path, db: &Connection, steps: &[&str]) -> Result<u32, RecordError> {
    let fault = |fault| RecordError::at(path, fault);
    let id = schema::application_id(db).map_err(fault)?;
    if id != APPLICATION_ID {
        return Err(RecordError::NotOurs { path: path.to_owned(), found: id });
    }
    let (found, known) = (schema::version(db).map_err(fault)?, schema::known(steps));
    if found > known {
        let copies = (1..=known).rev().map(|version| copy_of(path, version));
        let copy = copies.into_iter().find(|copy| copy.is_file());
        return Err(RecordError::Newer { path: path.to_owned(), found, known, copy });
    }
    Ok(found)
}

/// Where the copy of a database in an older format is.
fn copy_of(path: &Path, version: u32) -> PathBuf {
    beside(path, &format!(".v{version}"))
}

/// Copies a database before it is migrated: who must go back to the older program finds it.
fn copy_first(path: &Path, db: &Connection, version: u32) -> Result<(), RecordError> {
    let (copy, making) = (copy_of(path, version), beside(path, ".copying"));
    make_file(&making)?;
    let name = making.to_string_lossy();
    db.execute("VACUUM INTO ?1", [&name]).map_err(|e| RecordError::at(path, e.into()))?;
    put_in_place(&making, &copy)
}

/// Makes a database under another name and puts it in its place whole: one that was half made by a
/// process that died is never taken for an empty record.
fn create(path: &Path, environment: &str, steps: &[&str]) -> Result<(), RecordError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let builder = &mut fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(directory).map_err(io("create", directory))?;
    let making = beside(path, ".making");
    make_file(&making)?;
    let made = make_database(&making, environment, steps).map_err(|fault| RecordError::at(path, fault));
    made.and_then(|()| put_in_place(&making, path))
}

fn make_database(making: &Path, environment: &str, steps: &[&str]) -> Result<(), Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(making, flags)?;
    schema::settle_connection(&db)?;
    schema::migrate(&mut db, steps)?;
    let tx = db.transaction()?;
    audit::open_chain(&tx, Timestamp::now(), environment)?;
    tx.commit()?;
    // The mode is part of the file: from here on every connection writes ahead. Set last, so that
    // what is renamed is one file.
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    db.close().map_err(|(_, error)| Fault::Sqlite(error))
}

/// An empty file that nobody else may read; one that a dead process left is replaced.
fn make_file(path: &Path) -> Result<(), RecordError> {
    for leftover in [path.to_owned(), beside(path, "-journal"), beside(path, "-wal"), beside(path, "-shm")] {
        match fs::remove_file(&leftover) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(io("remove the leftover", &leftover)(error));
            }
            _ => {}
        }
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path).map_err(io("create", path))?;
    Ok(())
}

/// Makes a finished file durable under its name.
fn put_in_place(made: &Path, path: &Path) -> Result<(), RecordError> {
    File::open(made).and_then(|file| file.sync_all()).map_err(io("sync", made))?;
    fs::rename(made, path).map_err(io("put in place", path))?;
    let directory = path.parent().unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(io("sync", directory))
}
