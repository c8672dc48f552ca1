use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rusqlite::Connection;

use super::super::open::{beside, writer};
use super::super::schema::STEPS;
use super::*;
use crate::report::Remedy;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Opening this content must be refused, in these words, and leave it as it is.
fn refused(content: &[u8], words: &[&str]) -> RecordError {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    fs::write(&path, content).unwrap();
    let error = Record::open(&path, "test").unwrap_err();
    says(&error, &[&[path.to_str().unwrap()], words].concat());
    assert_eq!(fs::read(&path).unwrap(), content, "it was changed");
    let read_only = Record::open_read_only(&path).unwrap_err();
    assert_eq!(error.to_string(), read_only.to_string());
    error
}

fn says(error: &RecordError, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

#[test]
fn a_new_record_is_private_and_durable() {
    let place = Place::new();
    assert_eq!(mode(&place.path()), 0o600);
    assert_eq!(mode(place.path().parent().unwrap()), 0o700);
    let pragma =
        |name| place.record.db.pragma_query_value(None, name, |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(pragma("journal_mode"), "wal");
    let number = |name| place.record.db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    let found = ["synchronous", "foreign_keys", "trusted_schema", "user_version"].map(number);
    assert_eq!(found, [2, 1, 0, 2]);
    assert_eq!(mode(&beside(&place.path(), "-wal")), 0o600);
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let junk = refused(&b"not a database at all ".repeat(100), &["some other format", "state rebuild"]);
    assert_eq!(junk.remedy(), Remedy::Person);
    let empty = refused(b"", &["an empty file", "state rebuild"]);
    assert_eq!(empty.remedy(), Remedy::Person);
}

#[test]
fn a_directory_or_a_link_at_its_path_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    fs::create_dir(&path).unwrap();
    says(&Record::open(&path, "test").unwrap_err(), &["is a directory, not a database"]);
    fs::remove_dir(&path).unwrap();
    std::os::unix::fs::symlink("elsewhere", &path).unwrap();
    says(&Record::open(&path, "test").unwrap_err(), &["is a symbolic link, not a database"]);
}

#[test]
fn the_database_of_another_program_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA application_id = 7; CREATE TABLE t (x)").unwrap();
    drop(other);
    let words = ["belongs to another program", "0x00000007", "check STATE_DIR"];
    let error = refused(&fs::read(&path).unwrap(), &words);
    assert_eq!(error.remedy(), Remedy::Person);
}

#[test]
fn a_newer_record_is_refused_and_the_copy_from_before_is_named() {
    let place = Place::new();
    place.record.db.pragma_update(None, "user_version", 9).unwrap();
    let error = Record::open(&place.path(), "test").unwrap_err();
    says(&error, &["has format 9", "knows up to 2", "run the newer version", "there is no copy"]);
    assert_eq!(error.remedy(), Remedy::Person);
    let copy = beside(&place.path(), ".v2");
    fs::write(&copy, "a copy").unwrap();
    says(&Record::open(&place.path(), "test").unwrap_err(), &[copy.to_str().unwrap(), "go back to"]);
}

#[test]
fn a_record_that_vanished_from_beside_its_log_is_not_made_anew() {
    let place = Place::new();
    fs::remove_file(place.path()).unwrap();
    let error = Record::open(&place.path(), "test").unwrap_err();
    says(&error, &["is gone but", "state.db-wal", "state rebuild"]);
    assert_eq!(error.remedy(), Remedy::Person);
    assert!(!place.path().exists());
}

#[test]
fn damaged_pages_are_a_clear_error() {
    let mut place = Place::new();
    let many = (0..300).map(|n| skill(&format!("skill-{n}"), commit(1), &["text"])).collect();
    place.serve(many, commit(1));
    place.record.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let path = place.path();
    drop(std::mem::replace(&mut place.record, Place::new().record));
    let mut bytes = fs::read(&path).unwrap();
    let page = 4096;
    bytes[page..].iter_mut().for_each(|byte| *byte = 0xff);
    fs::write(&path, bytes).unwrap();
    let error = Record::open(&path, "test").and_then(|record| record.inventory().map(|_| ())).unwrap_err();
    says(&error, &[path.to_str().unwrap(), "is damaged", "state rebuild"]);
    assert_eq!(error.remedy(), Remedy::Person);
}

#[test]
fn rows_that_we_never_wrote_are_a_clear_error() {
    let mut place = Place::new();
    place.serve(skills([("a", "1")], commit(1)), commit(1));
    place.record.db.execute("UPDATE files SET path = '../etc/passwd'", []).unwrap();
    let error = place.record.inventory().unwrap_err();
    says(&error, &["holds what skill-sync never wrote", "`..`", "state rebuild"]);
    assert_eq!(error.remedy(), Remedy::Person);
    place.record.db.execute_batch("DROP TABLE files").unwrap();
    says(&place.record.inventory().unwrap_err(), &["no such table: files"]);
}

#[test]
fn a_full_disk_fails_the_pass_and_heals() {
    let mut place = Place::new();
    let pages: i64 = place.record.db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    place.record.db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    let many: Skills = (0..300).map(|n| skill(&format!("skill-{n}"), commit(1), &["text"])).collect();
    let change = plan(&Skills::new(), many);
    let pass = place.begin();
    let full = place.record.intend(pass, &source(commit(1)), &change, &Skills::new(), &[]).unwrap_err();
    says(&full, &["cannot grow", "free space", place.path().to_str().unwrap()]);
    assert_eq!(full.remedy(), Remedy::Retry(None));
    assert!(place.record.interrupted().unwrap().is_none(), "half an intent");
    place.record.db.pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(())).unwrap();
    place.record.intend(pass, &source(commit(1)), &change, &Skills::new(), &[]).unwrap();
}

#[test]
fn a_lock_of_somebody_else_fails_the_pass_and_heals() {
    let mut place = Place::new();
    let shell = Connection::open(place.path()).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    place.record.db.busy_timeout(std::time::Duration::ZERO).unwrap();
    let at = place.tick();
    let busy = place.record.remember_deliveries(&["1".into()], at).unwrap_err();
    says(&busy, &["is locked by another process"]);
    assert_eq!(busy.remedy(), Remedy::Retry(None));
    shell.execute_batch("ROLLBACK").unwrap();
    place.record.remember_deliveries(&["1".into()], at).unwrap();
}

#[test]
fn what_the_system_refuses_names_the_file() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("state"), "a file").unwrap();
    let error = Record::open(&directory.path().join("state/state.db"), "test").unwrap_err();
    says(&error, &["cannot look at", "state/state.db"]);
    assert_eq!(error.remedy(), Remedy::Retry(None));
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn a_half_made_record_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    fs::write(beside(&path, ".making"), "half").unwrap();
    let record = Record::open(&path, "test").unwrap();
    assert!(matches!(record.verify(), Ok(Verified::Whole { records: 1, .. })));
    assert!(!beside(&path, ".making").exists());
}

#[test]
fn a_migration_copies_the_record_first() {
    let mut place = Place::new();
    place.serve(skills([("a", "1")], commit(1)), commit(1));
    let (path, copy) = (place.path(), beside(&place.path(), ".v2"));
    drop(std::mem::replace(&mut place.record, Place::new().record));
    let steps = [STEPS, &["ALTER TABLE skills ADD COLUMN note TEXT"]].concat();
    let migrated = writer(&path, "test", &steps).unwrap();
    assert_eq!(super::super::schema::version(&migrated.db).unwrap(), 3);
    drop(migrated);
    assert_eq!(mode(&copy), 0o600);
    let newer = Record::open(&path, "test").unwrap_err();
    says(&newer, &["has format 3", copy.to_str().unwrap()]);
    // What the refusal says to do works.
    fs::rename(&copy, &path).unwrap();
    let back = Record::open(&path, "test").unwrap();
    assert_eq!(*back.inventory().unwrap().skills, place.served);
    assert!(matches!(back.verify(), Ok(Verified::Whole { records: 3, .. })));
}

#[test]
fn the_first_format_is_read_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.db");
    drop(writer(&path, "test", &STEPS[..1]).unwrap());
    let record = Record::open(&path, "test").unwrap();
    assert_eq!(super::super::schema::version(&record.db).unwrap(), 2);
    assert!(matches!(record.verify(), Ok(Verified::Whole { records: 1, pruned: None, .. })));
    let refused = record.db.execute("DELETE FROM audit", []).unwrap_err().to_string();
    assert!(refused.contains("the audit is append-only"), "{refused}");
}

#[test]
fn a_migration_that_fails_leaves_the_record_as_it_was() {
    let mut place = Place::new();
    place.serve(skills([("a", "1")], commit(1)), commit(1));
    let steps = [STEPS, &["DELETE FROM skills; ALTER TABLE nowhere ADD COLUMN note TEXT"]].concat();
    let error = writer(&place.path(), "test", &steps).err().unwrap();
    says(&error, &["no such table: nowhere"]);
    place.restart();
    assert_eq!(*place.record.inventory().unwrap().skills, place.served);
}

#[test]
fn a_record_that_was_exchanged_is_noticed() {
    let place = Place::new();
    assert!(place.record.is_same_file());
    fs::rename(place.path(), beside(&place.path(), ".old")).unwrap();
    assert!(!place.record.is_same_file());
    fs::copy(beside(&place.path(), ".old"), place.path()).unwrap();
    assert!(!place.record.is_same_file());
}

#[test]
fn a_disk_without_room_for_the_index_is_a_full_disk() {
    let fault = |code| rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None).into();
    let at = Path::new("/volume/state.db");
    let full = RecordError::at(at, fault(rusqlite::ffi::SQLITE_IOERR_SHMSIZE));
    says(&full, &["/volume/state.db", "cannot grow: free space on its file system"]);
    let broken = RecordError::at(at, fault(rusqlite::ffi::SQLITE_IOERR_READ));
    says(&broken, &["/volume/state.db", "could not be read or written", "check its disk"]);
    assert_eq!([full.remedy(), broken.remedy()], [Remedy::Retry(None), Remedy::Retry(None)]);
}
