//! Files that are only pointers.

use super::{Check, Hit, Rule};
use crate::desired::ContentError;
use crate::verdict::subject::Subject;

/// The first line of every pointer (the LFS specification).
const FIRST_LINE: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";

/// Pointers are below 1,024 bytes (the LFS specification).
const MAX_POINTER: u64 = 1_024;

/// `lfs-pointer`.
pub(crate) static RULE: Rule = Rule {
    help: "Store the file in git itself (`git lfs untrack`, then add it again); skill-sync does not fetch from LFS servers.",
    why: "What is in git is a note where the file lies on another server: agents would read the note.",
    ..Rule::error("lfs-pointer", "a file is a Git LFS pointer", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let mut hits = Vec::new();
    for (path, file) in &subject.files {
        if file.size <= MAX_POINTER && subject.read(file)?.starts_with(FIRST_LINE) {
            let message = "the file is a Git LFS pointer; its content is not in the repository";
            hits.push(Hit::member(subject, path.as_str().as_bytes(), message));
        }
    }
    Ok(hits)
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n";

    #[test]
    fn a_pointer_is_found_and_named() {
        let skill = skill("a");
        let found = hits("lfs-pointer", &[("a/SKILL.md", skill.as_bytes()), ("a/model.bin", POINTER)]);
        assert_eq!(found[0].path, "a/model.bin");
        assert!(found[0].message.contains("Git LFS pointer"), "{}", found[0].message);
    }

    #[test]
    fn a_text_about_pointers_is_not() {
        let skill = skill("a");
        let about = [b"A pointer begins with ", POINTER].concat();
        assert_eq!(hits("lfs-pointer", &[("a/SKILL.md", skill.as_bytes()), ("a/about.md", &about)]), []);
    }
}
