//! Names of documents about a repository: never skills, whatever is in them.

/// Stems of such documents, in lower case.
const DOCUMENTS: [&str; 29] = [
    "agents",
    "architecture",
    "authors",
    "changelog",
    "changes",
    "claude",
    "code-of-conduct",
    "code_of_conduct",
    "codeowners",
    "contributing",
    "contributors",
    "copying",
    "gemini",
    "governance",
    "history",
    "install",
    "licence",
    "license",
    "maintainers",
    "notice",
    "pull_request_template",
    "readme",
    "release_notes",
    "releases",
    "roadmap",
    "security",
    "support",
    "todo",
    "upgrading",
];

/// Whether a file name is that of a document about its repository, in any case, with or without an
/// extension; of the README its translations too (`README.de.md`, `README-zh.md`).
pub(super) fn is_document(name: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return false };
    let name = name.to_lowercase();
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    let translated = stem.strip_prefix("readme").is_some_and(|rest| rest.starts_with(['.', '-', '_']));
    translated || DOCUMENTS.contains(&stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_known_in_any_case() {
        for name in
            ["README.md", "readme", "License.MD", "README.de.md", "README-zh.md", "Code_Of_Conduct.md"]
        {
            assert!(is_document(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_skill_that_begins_like_a_document_is_none() {
        for name in ["security-review.md", "readmes.md", "golden-horde.md", "changelog-writer.md"] {
            assert!(!is_document(name.as_bytes()), "{name}");
        }
    }
}
