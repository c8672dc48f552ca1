use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::open::{beside, reader};
use super::super::schema::STEPS;
use super::*;

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn where_nothing_was_recorded_reading_says_so_and_makes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let error = Record::open_read_only(&directory.path().join("state.db")).unwrap_err();
    assert!(error.to_string().contains("there is no record at"), "{error}");
    assert!(error.to_string().contains("no pass has run"), "{error}");
    assert_eq!(names(directory.path()), Vec::<String>::new());
}

#[test]
fn a_record_at_rest_is_read_without_making_a_file() {
    let mut place = Place::new();
    place.serve(skills([("a", "1")], commit(1)), commit(1));
    let path = place.path();
    drop(std::mem::replace(&mut place.record, Place::new().record));
    assert_eq!(names(path.parent().unwrap()), ["state.db"]);
    let record = Record::open_read_only(&path).unwrap();
    assert_eq!(*record.inventory().unwrap().skills, place.served);
    assert!(matches!(record.verify(), Ok(Verified::Whole { .. })));
    assert_eq!(names(path.parent().unwrap()), ["state.db"]);
}

#[test]
fn a_path_with_odd_characters_is_read_at_rest_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a b?c#d%20ä/state.db");
    drop(Record::open(&path, "test").unwrap());
    assert!(Record::open_read_only(&path).unwrap().verify().is_ok());
}

#[test]
fn a_service_that_starts_while_the_record_is_verified_at_rest_is_no_tampering() {
    let mut place = Place::new();
    let path = place.path();
    drop(std::mem::replace(&mut place.record, Place::new().record));
    let reader = Record::open_read_only(&path).unwrap();
    place.restart();
    place.serve(skills([("a", "1")], commit(1)), commit(1));
    place.record.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let error = reader.verify().unwrap_err();
    assert!(error.to_string().contains("changed while it was read: ask again"), "{error}");
}

#[test]
fn a_log_without_its_index_is_not_recovered_by_a_reader() {
    let mut place = Place::new();
    place.serve(skills([("a", "1")], commit(1)), commit(1));
    // The files of a machine that lost its power, copied to another.
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("state.db");
    fs::copy(place.path(), &path).unwrap();
    fs::copy(beside(&place.path(), "-wal"), beside(&path, "-wal")).unwrap();
    let error = Record::open_read_only(&path).unwrap_err();
    assert!(error.to_string().contains("was not closed in order"), "{error}");
    assert!(error.to_string().contains("start the service or run `skill-sync once`"), "{error}");
    drop(Record::open(&path, "test").unwrap());
    assert_eq!(*Record::open_read_only(&path).unwrap().inventory().unwrap().skills, place.served);
}

#[test]
fn an_older_record_is_migrated_by_a_writer_only() {
    let place = Place::new();
    let steps = [STEPS, &["ALTER TABLE skills ADD COLUMN note TEXT"]].concat();
    let error = reader(&place.path(), &steps).err().unwrap();
    assert!(error.to_string().contains("has format 2 and this version of skill-sync reads 3"), "{error}");
}

#[test]
fn a_reader_cannot_write() {
    let place = Place::new();
    let mut reader = Record::open_read_only(&place.path()).unwrap();
    let error = reader.remember_deliveries(&["1".into()], Timestamp::from_millis(1)).unwrap_err();
    assert!(error.to_string().contains("cannot be written"), "{error}");
}

#[test]
fn a_reader_beside_a_writer_sees_whole_passes_only() {
    let mut place = Place::new();
    let path = place.path();
    place.serve(skills([("a", "0"), ("b", "0")], commit(1)), commit(1));
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let reading = threads.spawn(|| {
            let mut looks = 0;
            while !done.load(Ordering::SeqCst) || looks == 0 {
                let reader = Record::open_read_only(&path).unwrap();
                let skills = reader.inventory().unwrap().skills;
                let digests: Vec<_> =
                    skills.values().flat_map(|skill| skill.files.values()).map(|file| file.digest).collect();
                assert_eq!(digests[0], digests[1], "half a pass");
                assert!(matches!(reader.verify(), Ok(Verified::Whole { .. })));
                looks += 1;
            }
        });
        for n in 2..60 {
            let content = n.to_string();
            place.serve(skills([("a", &content), ("b", &content)], commit(n)), commit(n));
        }
        done.store(true, Ordering::SeqCst);
        reading.join().unwrap();
    });
}
