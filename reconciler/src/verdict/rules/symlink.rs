//! Links that cannot be copied.

use super::{Check, Hit, Rule};
use crate::desired::{ContentError, EntryKind, Member};
use crate::verdict::subject::Subject;

/// `symlink`.
pub(crate) static RULE: Rule = Rule {
    help: "Replace the link by the file, or point it at a regular file of the same skill by a relative path.",
    why: "The volume gets regular files only. A link to a file of the same skill is published as a copy; any other one would show files that are not the skill's, or break.",
    ..Rule::error("symlink", "a symbolic link leads out of the skill, or nowhere", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let entry = subject.entry_name();
    let is_link = |member: &&Member| member.path == entry && matches!(member.kind, EntryKind::Symlink(_));
    let mut hits = Vec::new();
    if subject.opened.members.iter().any(|member| is_link(&member)) {
        let message = "the skill's own file is a symbolic link; it must be a regular file";
        hits.push(Hit::member(subject, entry, message));
    }
    for (path, fault) in subject.links.iter().filter(|(path, _)| path != entry) {
        hits.push(Hit::member(subject, path, format!("the symbolic link {}", fault.why())));
    }
    Ok(hits)
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    use crate::finding::Finding;

    fn found(links: &[(&'static [u8], &'static [u8])]) -> Vec<Finding> {
        let skill = skill("a");
        let mut files = vec![entry(&skill), (&b"dir"[..], tree(vec![(b"file", file(b"x"))]))];
        files.extend(links.iter().map(|(name, target)| (*name, link(target))));
        hits_in_git("symlink", &[(b"a", tree(files))])
    }

    #[test]
    fn links_that_leave_dangle_or_loop_are_each_called_so() {
        for (target, why) in [
            (&b"/etc/passwd"[..], "absolute"),
            (b"../b/SKILL.md", "leaves"),
            (b"dir/../../a/SKILL.md", "leaves"),
            (b"nowhere", "nothing"),
            (b"dir", "directory"),
            (b".", "directory"),
            (b"link", "too many links"),
        ] {
            let found = found(&[(b"link", target)]);
            assert_eq!(found.len(), 1, "{target:?}");
            assert!(found[0].message.contains(why), "{}", found[0].message);
            assert_eq!(found[0].path, "a/link");
        }
    }

    #[test]
    fn nine_links_in_a_row_are_too_many() {
        let links: [(&[u8], &[u8]); 9] = [
            (b"1", b"dir/file"),
            (b"2", b"1"),
            (b"3", b"2"),
            (b"4", b"3"),
            (b"5", b"4"),
            (b"6", b"5"),
            (b"7", b"6"),
            (b"8", b"7"),
            (b"9", b"8"),
        ];
        assert_eq!(found(&links[..8]), []);
        assert_eq!(found(&links).len(), 1);
    }

    #[test]
    fn a_skill_file_that_is_a_link_is_found() {
        let linked = tree(vec![(b"SKILL.md", link(b"other.md")), (b"other.md", file(b"x"))]);
        let found = hits_in_git("symlink", &[(b"a", linked)]);
        assert!(found[0].message.contains("must be a regular file"), "{}", found[0].message);
    }

    #[test]
    fn links_inside_the_skill_are_not() {
        assert_eq!(found(&[(b"one", b"dir/file"), (b"two", b"./dir/../one"), (b"md", b"SKILL.md")]), []);
    }
}
