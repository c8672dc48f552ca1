//! A skill with too many bytes.

use super::{Check, Hit, Rule};
use crate::desired::ContentError;
use crate::verdict::subject::Subject;
use crate::verdict::{MAX_FILE_BYTES, MAX_SKILL_BYTES};

/// `too-large`.
pub(crate) static RULE: Rule = Rule {
    help: "Keep large data out of the skill, and let its scripts fetch it.",
    why: "Real skills have up to 14.7 MB; each byte is hashed, staged and written to the volume in a pass.",
    ..Rule::error("too-large", "the skill, or a file of it, is too large", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let mut hits = Vec::new();
    for (path, file) in subject.files.iter().filter(|(_, file)| file.size > MAX_FILE_BYTES) {
        let message = format!("the file has {} bytes; {MAX_FILE_BYTES} is the most", file.size);
        hits.push(Hit::member(subject, path.as_str().as_bytes(), message));
    }
    if subject.bytes() > MAX_SKILL_BYTES {
        let message = format!("the skill has {} bytes; {MAX_SKILL_BYTES} is the most", subject.bytes());
        hits.push(Hit::member(subject, b"", message));
    }
    Ok(hits)
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    fn with_file_of(size: u64) -> Vec<crate::finding::Finding> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("a")).unwrap();
        std::fs::write(directory.path().join("a/SKILL.md"), skill("a")).unwrap();
        // Sparse: it has a size and no blocks.
        std::fs::File::create(directory.path().join("a/big")).unwrap().set_len(size).unwrap();
        hits_below("too-large", directory.path())
    }

    #[test]
    fn one_byte_too_many_in_a_file_is_found() {
        let found = with_file_of((64 << 20) + 1);
        assert_eq!(found[0].path, "a/big");
        assert!(found[0].message.contains("67108864 is the most"), "{}", found[0].message);
    }

    #[test]
    fn a_file_of_a_megabyte_is_not() {
        assert_eq!(with_file_of(1 << 20), []);
    }
}
