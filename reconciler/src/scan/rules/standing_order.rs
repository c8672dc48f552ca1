//! An order for every task.

use crate::scan::rule::{Applies, Detect, Rule, always, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "standing-order",
    title: "An order for every task",
    says: "orders something for every task, unasked",
    looks_for: "Sentences that attach an action to every task, operation or session, whatever the user asked.",
    why: "Alone it is house style; joined to sending, deleting or running something it is a hook.",
    help: "Nothing, alone.",
    references: &["OWASP LLM01 Prompt Injection", "OWASP LLM06 Excessive Agency"],
    hits: &[skill("After finishing any task, follow these steps.\n")],
    misses: &[skill("After the task, tell the user.\n")],
    detect: Detect::Patterns {
        strings: r#"
        /\b(after|upon|following|before)[ \t]+((finishing|completing|editing|querying|gathering|performing|doing)[ \t]+)?(any|every|each|all|a)[ \t][^\n.]{0,40}(task|operation|request|retrieval|edit|response|session|document|query|command|message|interaction|conversation|change|run)s?\b/ nocase
        /\b(after|upon|following)[ \t]+(finishing|completing|editing|querying|gathering|performing)[ \t]/ nocase
        /\b(when|whenever)[ \t]+(creating|updating|editing|implementing|performing|handling|processing)[ \t][^\n.:]{0,60}[,:]/ nocase
        /\balways[ \t]+(run|execute|make sure|collect|upload|send|include|call|fetch|add|verify|save|write)\b/ nocase
        /\b(make sure|be sure|remember)[ \t]+(to[ \t]+)?(upload|send|make a backup|execute|run|add location|collect|always)\b/ nocase
        /\b(at|on)[ \t](session|agent|gateway)[ \t](start|startup)\b/ nocase
        /\b(post retrieval|post-retrieval|for mlops|location (addon|metadata|signature|timestamp)s?)\b/ nocase
"#,
        applies: Applies::Prose,
        keep: always,
    },
    ..Rule::SIGNAL
};
