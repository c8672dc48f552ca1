//! The security scan of an opened skill: the files that would be published, as the scanner takes them.

use std::cell::RefCell;
use std::io;

use super::subject::{SkillFile, Subject};
use super::{JudgeError, Law};
use crate::desired::ContentError;
use crate::finding::Finding;
use crate::path::TreePath;
use crate::scan::{self, SubjectFile};
use crate::tree::FileMode;

/// What the scanner finds in all files of a skill. One that is too large is not read: that alone
/// holds it.
pub(super) fn scan(subject: &Subject<'_>, law: &Law) -> Result<Vec<Finding>, JudgeError> {
    if subject.is_too_large() {
        return Ok(Vec::new());
    }
    let entry = subject.candidate.entry();
    // The scanner knows I/O errors only; whether an object is malformed is said by this one.
    let failed = RefCell::new(None);
    let files = subject.files.iter().map(|(path, file)| shown_file(subject, path, file, &failed)).collect();
    let scanned = law.scanner().and_then(|scanner| scanner.scan(&scan::Subject { files }));
    let mut findings = scanned.map_err(|source| match failed.take() {
        Some(source) => JudgeError::Content { path: entry.clone(), source },
        None => JudgeError::Scan { path: entry.clone(), source },
    })?;
    // What is said of the skill as a whole is shown at its file.
    findings.iter_mut().filter(|finding| finding.path.is_empty()).for_each(|finding| {
        finding.path.clone_from(&entry);
    });
    Ok(findings)
}

fn shown_file<'a>(
    subject: &'a Subject<'_>,
    path: &TreePath,
    file: &'a SkillFile,
    failed: &'a RefCell<Option<ContentError>>,
) -> SubjectFile<'a> {
    let read = || {
        subject.read(file).map(|bytes| bytes.to_vec()).map_err(|error| {
            *failed.borrow_mut() = Some(error);
            io::Error::from(io::ErrorKind::Other)
        })
    };
    SubjectFile {
        path: subject.candidate.shown(path.as_str().as_bytes()),
        executable: file.mode == FileMode::Executable,
        entry: path.as_str().as_bytes() == subject.entry_name(),
        size: file.size,
        read: Box::new(read),
    }
}

impl JudgeError {
    /// The error of an object of the skill that breaks git's format, or is too large to be opened: that is
    /// the skill's fault.
    pub(super) fn malformed(&self) -> Option<&ContentError> {
        match self {
            Self::Content {
                source: source @ (ContentError::Malformed { .. } | ContentError::TooLarge { .. }),
                ..
            } => Some(source),
            _ => None,
        }
    }
}
