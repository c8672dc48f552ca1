//! What is neither file, directory nor link.

use super::{Check, Hit, Rule};
use crate::desired::{ContentError, EntryKind, Member};
use crate::verdict::subject::Subject;

/// `special-file`.
pub(crate) static RULE: Rule = Rule {
    help: "Remove the entry; only regular files belong in a skill.",
    why: "Git writes no such entry: it was made by hand, and what a file system makes of it nobody knows.",
    ..Rule::error("special-file", "an entry is not a regular file", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let hit = |member: &Member| match member.kind {
        EntryKind::Other(mode) => {
            let message = format!("the entry has the mode {mode:o}, which is no regular file");
            Some(Hit::member(subject, &member.path, message))
        }
        _ => None,
    };
    Ok(subject.opened.members.iter().filter_map(hit).collect())
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    fn with_mode(mode: u32) -> Vec<crate::finding::Finding> {
        let skill = skill("a");
        let odd = tree(vec![entry(&skill), (b"odd", Made::Blob(b"x", mode))]);
        hits_in_git("special-file", &[(b"a", odd)])
    }

    #[test]
    fn a_mode_that_git_does_not_write_is_found() {
        let found = with_mode(0o010_644);
        assert!(found[0].message.contains("mode 10644"), "{}", found[0].message);
    }

    #[test]
    fn the_group_writable_mode_of_old_git_is_not() {
        assert_eq!(with_mode(0o100_664), []);
    }
}
