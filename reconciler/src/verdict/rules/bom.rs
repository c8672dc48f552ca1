//! A byte order mark.

use super::{Check, Hit, Rule};
use crate::desired::ContentError;
use crate::finding::Place;
use crate::verdict::subject::Subject;

/// `bom`.
pub(crate) static RULE: Rule = Rule {
    help: "Save the file as UTF-8 without a byte order mark.",
    why: "It is invisible and stands before the first `---`: consumers that look for exactly that line find no front matter.",
    ..Rule::warning("bom", "the file begins with a byte order mark", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let found = subject.document().is_some_and(|document| document.bom);
    let hit = || Hit::entry(subject, Place::START, "the file begins with a byte order mark");
    Ok(found.then(hit).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    #[test]
    fn it_warns_and_the_front_matter_is_read() {
        let text = format!("\u{feff}{}", skill("a"));
        assert_eq!(hits("bom", &[("a.md", text.as_bytes())]).len(), 1);
        assert_eq!(hits("frontmatter-missing", &[("a.md", text.as_bytes())]), []);
    }

    #[test]
    fn a_file_without_one_does_not() {
        assert_eq!(hits("bom", &[("a.md", skill("a").as_bytes())]), []);
    }
}
