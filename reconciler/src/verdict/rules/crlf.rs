//! Line ends of Windows.

use super::{Check, Hit, Rule};
use crate::desired::ContentError;
use crate::finding::Place;
use crate::verdict::subject::Subject;

/// `crlf`.
pub(crate) static RULE: Rule = Rule {
    help: "Save the file with LF line ends (`*.md text eol=lf` in .gitattributes).",
    why: "Scripts and shells that agents copy from the file stumble over the carriage returns.",
    ..Rule::warning("crlf", "the file has CRLF line ends", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let Some(line) = subject.document().and_then(|document| document.crlf) else { return Ok(Vec::new()) };
    Ok(vec![Hit::entry(subject, Place { line, column: 1 }, "the file has CRLF line ends")])
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    #[test]
    fn they_warn_at_the_first_one_and_the_front_matter_is_read() {
        let text = skill("a").replace('\n', "\r\n");
        assert_eq!(hits("crlf", &[("a.md", text.as_bytes())])[0].line, Some(1));
        assert_eq!(hits("frontmatter-unclosed", &[("a.md", text.as_bytes())]), []);
    }

    #[test]
    fn line_feeds_do_not() {
        assert_eq!(hits("crlf", &[("a.md", skill("a").as_bytes())]), []);
    }
}
