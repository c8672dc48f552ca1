//! Small file systems of a story's own, where this machine lets us mount some.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A file system that is mounted for one story.
pub(crate) struct Mount(PathBuf);

impl Mount {
    /// One in memory, of so many bytes; none, with a line that says so, where nothing may be mounted.
    pub(crate) fn memory(path: &Path, size: u64) -> Option<Self> {
        Self::with(path, &["-t", "tmpfs", "-o", &format!("size={size}"), "none"])
    }

    /// An ext4 of 128-byte inodes, which stamp with whole seconds in 32 bits.
    pub(crate) fn of_seconds(path: &Path) -> Option<Self> {
        let image = path.with_extension("img");
        std::fs::File::create(&image).and_then(|file| file.set_len(24 << 20)).expect("an image");
        let made = quiet(Command::new("mkfs.ext4").args(["-q", "-I", "128"]).arg(&image));
        if !made {
            println!("skipped: a file system of 32-bit seconds, because there is no mkfs.ext4");
            return None;
        }
        Self::with(path, &["-o", "loop", image.to_str().expect("UTF-8")])
    }

    fn with(path: &Path, what: &[&str]) -> Option<Self> {
        std::fs::create_dir_all(path).expect("a directory");
        if quiet(Command::new("mount").args(what).arg(path)) {
            return Some(Self(path.to_owned()));
        }
        println!("skipped: what needs a file system of its own, because nothing may be mounted here");
        None
    }

    /// Makes it read-only, or writable again.
    pub(crate) fn remount(&self, how: &str) {
        assert!(quiet(Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.0)));
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        quiet(Command::new("umount").arg("-l").arg(&self.0));
    }
}

fn quiet(command: &mut Command) -> bool {
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}
