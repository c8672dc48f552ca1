//! Something must be installed first.

use crate::scan::rule::{Applies, Detect, Rule, always, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "demanded-install",
    title: "Something must be installed first",
    says: "demands that something is installed or run first",
    looks_for: "Sentences that say that the skill does not work until a thing is installed or run.",
    why: "Alone it says nothing; with an odd download it is pressure to run it.",
    help: "Nothing, alone.",
    references: &["MITRE ATT&CK T1204 User Execution"],
    hits: &[
        skill("This skill requires Helper to be installed on your system.\n"),
        skill("Download the package and run the executable before using it.\n"),
    ],
    misses: &[skill("The tests run on every push.\n")],
    detect: Detect::Patterns {
        strings: r#"
        /(requires?|needs?|must have|have to have|need to have)[^\n.]{1,80}[ \t](installed|running)\b/ nocase
        /(must|need to|have to|should)[ \t]be[ \t](installed|downloaded|running|executed|run)\b/ nocase
        /(before|prior to)[ \t](using|running|proceeding|downloading|continuing|you (can|start|use)|the skill)/ nocase
        /(without[^\n.]{3,80}|skill|features?|it|operations?|functions?)[ \t](will|does|do|can|may)(not|n't| not)[ \t](work|function|run|start|operate)/ nocase
        /(run|launch|start|open|execute)[ \t](the[ \t])?(executable|installer|binary|program|application|setup|openclaw|\.exe)/ nocase
        /\b(critical|mandatory|required|important)\b[^\n]{0,60}(download|install|run|setup)/ nocase
"#,
        applies: Applies::Prose,
        keep: always,
    },
    ..Rule::SIGNAL
};
