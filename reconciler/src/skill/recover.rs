//! The one repair that consumers make too: quoting the description.
//!
//! Nearly all real front matters that are no YAML have a plain description with `: ` in it. OpenClaw
//! quotes that line and reads the block again; so it is loaded there, and so it is here.

/// Characters with which a plain value does not begin: what begins with one is a structure, an
/// alias, a tag or a quoted text, and quoting it would change what its author meant.
const STRUCTURE: &[char] = &['"', '\'', '|', '>', '[', ']', '{', '}', '&', '*', '!', '#', ',', '?'];

/// The block with its description quoted, and the line of the description, from 1 in the block.
/// None where there is no plain description on a line of its own.
pub(super) fn quote_description(block: &str) -> Option<(String, u32)> {
    let lines: Vec<&str> = block.split_inclusive('\n').collect();
    let at = lines.iter().position(|line| line.starts_with("description:"))?;
    let first = lines[at].trim_start_matches("description:").trim();
    if first.is_empty() || first.starts_with(STRUCTURE) {
        return None;
    }
    let more = lines[at + 1..].iter().take_while(|line| line.starts_with([' ', '\t'])).count();
    let folded = lines[at + 1..=at + more].iter().map(|line| line.trim());
    let text = std::iter::once(first).chain(folded).collect::<Vec<_>>().join(" ");
    let quoted = format!("description: '{}'\n", text.trim_end().replace('\'', "''"));
    // Empty lines stand in for what was folded, so that places further down stay right.
    let mended = [lines[..at].concat(), quoted, "\n".repeat(more), lines[at + 1 + more..].concat()].concat();
    Some((mended, u32::try_from(at + 1).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_description_is_quoted_with_its_continuation() {
        let block = "name: a\ndescription: it's: so\n  and more\nlicense: MIT\n";
        let expected = "name: a\ndescription: 'it''s: so and more'\n\nlicense: MIT\n";
        assert_eq!(quote_description(block), Some((expected.to_owned(), 2)));
    }

    #[test]
    fn what_is_no_plain_text_is_left_alone() {
        for value in ["", "|", "\"a\": b", "[a: b", "{a: b", "*alias", "!tag x"] {
            assert_eq!(quote_description(&format!("description: {value}\n")), None, "{value}");
        }
        assert_eq!(quote_description("metadata:\n  description: a: b\n"), None);
    }
}
