//! Code out of a temporary file is run.

use crate::scan::document::Hit;

use crate::scan::rule::{Applies, Detect, Rule, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "runs-temporary-code",
    title: "Code out of a temporary file is run",
    says: "runs code out of a temporary or hidden file",
    looks_for: "exec, eval, source or import of a file in a temporary or hidden directory that the skill does not hold.",
    why: "Who can write there decides what the skill does; a dropper just did.",
    help: "Keep the code in the skill.",
    references: &[
        "MITRE ATT&CK T1059 Command and Scripting Interpreter",
        "MITRE ATT&CK T1036.005 Match Legitimate Name or Location",
    ],
    hits: &[file("a.py", "eval(compile(open(\"/tmp/.cache-1\").read(), \"<exec>\", \"exec\"))\n")],
    misses: &[file("a.py", "data = open(\"/tmp/out.json\").read()\n")],
    detect: Detect::Patterns {
        strings: r#"
        /\b(exec|eval)[ \t]*\([^\n]{0,30}open\([ \t]*["'](\/tmp|\/var\/tmp|\/dev\/shm|~\/\.|[^\n"']{0,40}\/\.[a-z])[^\n]{0,120}/
        /(source|\.|(ba|z)?sh)[ \t]+["']?(\/tmp|\/var\/tmp|\/dev\/shm)\/\.[a-zA-Z0-9][^\n]{0,60}/
        /(spec_from_file_location|runpy\.run_path|SourceFileLoader)\([^\n]{0,60}(\/tmp|\/dev\/shm)\/[^\n]{0,60}/
        /require\([ \t]*["'](\/tmp|\/dev\/shm)\/[^\n]{0,60}/
"#,
        applies: Applies::Code,
        keep: is_command,
    },
    ..Rule::MALICIOUS
};

fn is_command(hit: &Hit<'_>) -> bool {
    let text = hit.text();
    !["source", ".", "sh", "bash", "zsh"].iter().any(|name| text.starts_with(name)) || hit.is_at_command()
}
