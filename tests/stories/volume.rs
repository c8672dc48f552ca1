//! The volume of a story: what is put on it, and what is found there.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use crate::fields;
use crate::repository::children;

/// What stands at each path, in words that are equal only where the things are.
pub(crate) type Contents = BTreeMap<PathBuf, String>;

/// What changes when something is touched: inode, modification and change time.
pub(crate) type Stamps = BTreeMap<PathBuf, (u64, i64, i64, i64, i64)>;

/// Lays the files below `files` over `target` and does what the lines of `entries` say.
pub(crate) fn apply(target: &Path, files: &Path, entries: &Path) {
    lay_over(target, files);
    for line in fields::lines(entries) {
        let words: Vec<&[u8]> = line.iter().map(Vec::as_slice).collect();
        match words[..] {
            [b"file", path, ref content @ ..] => write(&at(target, path), &content.concat(), 0o644),
            [b"delete", path] => delete(&at(target, path)),
            [b"mkdir", path] => fs::create_dir_all(at(target, path)).expect("a directory"),
            [b"symlink", path, to] => {
                symlink(fields::text(to), above(&at(target, path))).expect("a link");
            }
            [b"fifo", path] => {
                let mode = rustix::fs::Mode::from_raw_mode(0o644);
                let kind = rustix::fs::FileType::Fifo;
                rustix::fs::mknodat(rustix::fs::CWD, at(target, path), kind, mode, 0).expect("a pipe");
            }
            [b"chmod", mode, path] => chmod(&at(target, path), fields::octal(mode)),
            _ => panic!(
                "{}: no such line: {:?}",
                entries.display(),
                String::from_utf8_lossy(&line.join(&b' '))
            ),
        }
    }
}

fn lay_over(target: &Path, files: &Path) {
    for path in children(files) {
        let there = target.join(path.file_name().expect("a name"));
        if path.is_dir() {
            fs::create_dir_all(&there).expect("a directory");
            lay_over(&there, &path);
        } else {
            let executable = path.metadata().expect("its metadata").mode() & 0o100 != 0;
            write(&there, &fs::read(&path).expect("its bytes"), if executable { 0o755 } else { 0o644 });
        }
    }
}

fn write(path: &Path, bytes: &[u8], mode: u32) {
    fs::write(above(path), bytes).expect("a file");
    chmod(path, mode);
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

fn delete(path: &Path) {
    let is_directory = path.symlink_metadata().expect("something to delete").is_dir();
    if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) }.expect("it to go");
}

fn at(target: &Path, path: &[u8]) -> PathBuf {
    target.join(std::ffi::OsStr::from_bytes(path))
}

/// The path itself, once the directory above it is there.
fn above(path: &Path) -> &Path {
    fs::create_dir_all(path.parent().expect("a parent")).expect("the directory above");
    path
}

/// What is below `target`, but for our own names in it. A file with a second link is a fault: consumers
/// refuse it.
pub(crate) fn contents(target: &Path) -> Contents {
    let mut found = Contents::new();
    walk(target, target, &mut |path, meta| {
        if path.as_os_str().as_bytes().starts_with(b".skill-sync") {
            return;
        }
        assert!(!meta.is_file() || meta.nlink() == 1, "{} has a second link", path.display());
        found.insert(path.to_path_buf(), describe(&target.join(path), meta));
    });
    found
}

/// The stamps of everything below `target`, and of itself.
pub(crate) fn stamps(target: &Path) -> Stamps {
    let stamp =
        |meta: &fs::Metadata| (meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec());
    let mut found: Stamps = target.metadata().iter().map(|meta| (PathBuf::new(), stamp(meta))).collect();
    walk(target, target, &mut |path, meta| {
        found.insert(path.to_path_buf(), stamp(meta));
    });
    found
}

fn walk(target: &Path, directory: &Path, visit: &mut dyn FnMut(&Path, &fs::Metadata)) {
    for path in children(directory) {
        let meta = path.symlink_metadata().expect("its metadata");
        visit(path.strip_prefix(target).expect("a path below the target"), &meta);
        if meta.is_dir() {
            walk(target, &path, visit);
        }
    }
}

fn describe(path: &Path, meta: &fs::Metadata) -> String {
    let kind = meta.file_type();
    if kind.is_file() {
        let bytes = fs::read(path).expect("its bytes");
        format!("file {:04o} \"{}\"", meta.mode() & 0o7777, bytes.escape_ascii())
    } else if kind.is_symlink() {
        format!("link to {}", fs::read_link(path).expect("its target").display())
    } else if kind.is_fifo() {
        "pipe".to_owned()
    } else {
        assert!(kind.is_dir(), "{} is nothing that a story knows", path.display());
        "directory".to_owned()
    }
}
