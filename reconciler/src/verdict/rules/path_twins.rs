//! Two paths that are one somewhere.

use std::collections::HashMap;

use super::{Check, Hit, Rule, quoted};
use crate::desired::ContentError;
use crate::path::fold;
use crate::verdict::subject::Subject;

/// `path-twins`.
pub(crate) static RULE: Rule = Rule {
    help: "Rename one of the two in git.",
    why: "On a file system that folds case or normalises names one would overwrite the other; people cannot tell them apart either.",
    ..Rule::error("path-twins", "two paths differ only in case or in Unicode form", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let mut seen: HashMap<String, &[u8]> = HashMap::new();
    let mut hits = Vec::new();
    for member in &subject.opened.members {
        let Ok(text) = std::str::from_utf8(&member.path) else { continue };
        if let Some(twin) = seen.insert(fold(text), &member.path) {
            let twin = quoted(&subject.candidate.shown(twin));
            let message = format!("the path is the same as {twin} but for case or Unicode form");
            hits.push(Hit::member(subject, &member.path, message));
        }
    }
    Ok(hits)
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    #[test]
    fn case_twins_are_found_in_files_and_in_directories() {
        let skill = skill("a");
        let entry = ("a/SKILL.md", skill.as_bytes());
        let found = hits("path-twins", &[entry, ("a/Notes.md", b"x"), ("a/notes.md", b"y")]);
        assert!(found[0].message.contains("`a/Notes.md`"), "{}", found[0].message);
        assert_eq!(hits("path-twins", &[entry, ("a/X/1", b"x"), ("a/x/2", b"y")]).len(), 1);
    }

    #[test]
    fn unicode_twins_are_found() {
        let skill = skill("a");
        let files = [("a/SKILL.md", skill.as_bytes()), ("a/\u{e9}", b"x"), ("a/e\u{301}", b"y")];
        assert_eq!(hits("path-twins", &files).len(), 1);
    }

    #[test]
    fn the_same_name_twice_in_a_tree_made_by_hand_is_found() {
        let skill = skill("a");
        let twice = tree(vec![entry(&skill), (b"n", file(b"x")), (b"n", file(b"y"))]);
        assert_eq!(hits_in_git("path-twins", &[(b"a", twice)]).len(), 1);
    }

    #[test]
    fn equal_names_in_two_directories_are_not() {
        let skill = skill("a");
        let files = [("a/SKILL.md", skill.as_bytes()), ("a/x/Notes", &b"x"[..]), ("a/y/notes", b"y")];
        assert_eq!(hits("path-twins", &files), []);
    }
}
