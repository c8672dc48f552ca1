//! What `audit verify` and `audit project` found, for people and machines.

use std::fmt;

use reconciler::record::Verified;
use serde::Serialize;

use super::Text;
use super::escape::Terminal;
use super::style::Tone;
use crate::graph::{Progress, Projected};

/// The verdict over the chain, and over its projection where that was asked for.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    /// The chain.
    #[serde(flatten)]
    pub chain: Verified,
    /// The projection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neo4j: Option<Projected>,
}

impl fmt::Display for Text<'_, Verdict> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(verdict, style) = *self;
        Text(&verdict.chain, style).fmt(f)?;
        verdict.neo4j.as_ref().map_or(Ok(()), |neo4j| Text(neo4j, style).fmt(f))
    }
}

impl fmt::Display for Text<'_, Projected> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(projected, style) = *self;
        let Projected { same, differences, different } = projected;
        if *different == 0 {
            return writeln!(
                f,
                "{}: Neo4j has the {same} records as they are",
                style.paint(Tone::Good, "equal")
            );
        }
        let word = style.paint(Tone::Bad, "different");
        writeln!(f, "{word}: Neo4j has {same} records as they are, and differs {different} times")?;
        for difference in differences {
            writeln!(f, "  {}", Terminal(difference))?;
        }
        match different.saturating_sub(differences.len() as u64) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more"),
        }
    }
}

impl fmt::Display for Text<'_, Progress> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Progress { records, sent }, style) = *self;
        let ok = style.paint(Tone::Good, "ok");
        writeln!(f, "{ok}: Neo4j has every record up to {records}; {sent} were sent")
    }
}

#[cfg(test)]
mod tests {
    use reconciler::ids::Digest;

    use super::super::Style;
    use super::*;
    use crate::graph::Difference;

    #[test]
    fn what_differs_is_named_one_by_one() {
        let chain = Verified::Whole { records: 4, head: Digest::of(b"4"), pruned: None };
        let differences = vec![
            Difference::Missing { seq: 2 },
            Difference::Changed { seq: 3, field: "body" },
            Difference::Count { of: "Skill".to_owned(), expected: 2, found: 1 },
        ];
        let neo4j = Some(Projected { same: 2, differences, different: 5 });
        let text = Text(&Verdict { chain, neo4j }, Style::Plain).to_string();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        let expected = [
            "different: Neo4j has 2 records as they are, and differs 5 times",
            "  record 2 is missing there",
            "  record 3 has another body there",
            "  Skill: 1 there, and the records make 2",
            "  and 2 more",
        ];
        assert_eq!(lines, expected);
    }
}
