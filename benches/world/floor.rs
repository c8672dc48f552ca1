//! What nobody who looks at a tree can do without: opening each directory, reading its names, and asking
//! for each file's metadata or bytes; shared by two threads, as the look of a pass is.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat};
use sha2::{Digest as _, Sha256};

/// What is done with each file.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// Its metadata are asked for.
    Stat,
    /// It is read, and its bytes are hashed.
    Hash,
}

/// Goes over a tree with two threads; gives how many files it has.
pub(crate) fn walk(root: &Path, work: Work) -> usize {
    let root = open(CWD, root);
    let mut names = Vec::new();
    for entry in Dir::read_from(&root).expect("the root").flatten() {
        if !entry.file_name().to_bytes().starts_with(b".") {
            names.push((entry.file_name().to_owned(), entry.file_type()));
        }
    }
    let next = AtomicUsize::new(0);
    let share = || {
        let (mut files, mut bytes) = (0, Vec::new());
        loop {
            let from = next.fetch_add(16, Ordering::Relaxed);
            let Some(share) = names.get(from..names.len().min(from + 16)).filter(|share| !share.is_empty())
            else {
                return files;
            };
            for (name, kind) in share {
                files += visit(&root, name, *kind, work, &mut bytes);
            }
        }
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(share);
        share() + other.join().expect("the other half")
    })
}

fn open(at: impl rustix::fd::AsFd, path: impl rustix::path::Arg) -> OwnedFd {
    openat(at, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .expect("a directory")
}

fn visit(at: &OwnedFd, name: &std::ffi::CStr, kind: FileType, work: Work, bytes: &mut Vec<u8>) -> usize {
    if kind != FileType::Directory {
        match work {
            Work::Stat => drop(statat(at, name, AtFlags::SYMLINK_NOFOLLOW).expect("its metadata")),
            Work::Hash => hash(at, name, bytes),
        }
        return 1;
    }
    let directory = open(at, name);
    let entries = Dir::read_from(&directory).expect("its names").flatten();
    let below = entries.filter(|entry| !matches!(entry.file_name().to_bytes(), b"." | b".."));
    below.map(|entry| visit(&directory, entry.file_name(), entry.file_type(), work, bytes)).sum()
}

fn hash(at: &OwnedFd, name: &std::ffi::CStr, bytes: &mut Vec<u8>) {
    let file = openat(at, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).expect("a file");
    bytes.clear();
    std::io::Read::read_to_end(&mut std::fs::File::from(file), bytes).expect("its bytes");
    assert_ne!(Sha256::digest(&bytes)[..], [0; 32]);
}
