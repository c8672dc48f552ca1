//! Paths that cannot be published.

use super::{Check, Hit, Rule};
use crate::desired::{ContentError, Kind, join};
use crate::path::TreePath;
use crate::verdict::subject::Subject;

/// `path-invalid`.
pub(crate) static RULE: Rule = Rule {
    help: "Rename the file or directory in git.",
    why: "A path that leaves its directory, that a file system reads otherwise than git, or that nobody can see would be a way out of the target, or into git's and skill-sync's own files.",
    ..Rule::error("path-invalid", "a path cannot be published", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let candidate = subject.candidate;
    let mut hits = Vec::new();
    let mut look = |below: &[u8], whole: &[u8]| {
        if let Err(error) = TreePath::parse(whole) {
            hits.push(Hit::member(subject, below, error.to_string()));
        }
    };
    if !candidate.source.is_empty() {
        look(b"", &candidate.source);
    }
    if !matches!(candidate.kind, Kind::Flat { .. }) {
        for member in &subject.opened.members {
            look(&member.path, &join(&candidate.source, &member.path));
        }
    }
    Ok(hits)
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    use crate::finding::Finding;

    fn found(name: &[u8]) -> Vec<Finding> {
        let skill = skill("a");
        hits_in_git("path-invalid", &[(b"a", tree(vec![entry(&skill), (name, file(b"x"))]))])
    }

    #[test]
    fn names_that_no_checkout_would_make_are_found() {
        for (name, why) in [
            (&b".."[..], "`..`"),
            (b".git", "git reads as its own"),
            (b".GIT ", "git reads as its own"),
            (b"git~1", "git reads as its own"),
            (b".skill-sync.md", "reserved"),
            (b"a\x1b[31m", "U+001B"),
            (b"caf\xe9", "not UTF-8"),
            ("a\u{202e}b".as_bytes(), "U+202E"),
        ] {
            let found = found(name);
            assert_eq!(found.len(), 1, "{name:?}");
            assert!(found[0].message.contains(why), "{}", found[0].message);
            assert!(found[0].path.starts_with("a/"), "{}", found[0].path);
        }
    }

    #[test]
    fn a_thousand_directories_in_each_other_are_found_without_falling_down() {
        let mut deep = tree(vec![(b"x", file(b"x"))]);
        for _ in 0..1_000 {
            deep = tree(vec![(b"d", deep)]);
        }
        let skill = skill("a");
        let found = hits_in_git("path-invalid", &[(b"a", tree(vec![entry(&skill), (b"d", deep)]))]);
        assert!(found[0].message.contains("64 is the most"), "{}", found[0].message);
    }

    #[test]
    fn honest_names_are_not() {
        for name in [&b".gitignore"[..], b"a b.txt", "\u{e4}.md".as_bytes(), b"..."] {
            assert_eq!(found(name), [], "{name:?}");
        }
    }
}
