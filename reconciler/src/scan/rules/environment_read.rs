//! The whole environment is read.

use crate::scan::rule::{Applies, Detect, Rule, always, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "environment-read",
    title: "The whole environment is read",
    says: "collects the environment",
    looks_for: "Loops over all variables of the environment, or all of it as one text.",
    why: "Alone it may configure a child process; before a request it is a harvest.",
    help: "Nothing, alone.",
    references: &["MITRE ATT&CK T1552 Unsecured Credentials"],
    hits: &[file("a.py", "for key, value in os.environ.items():\n    found[key] = value\n")],
    misses: &[file("a.py", "subprocess.run(cmd, env=os.environ.copy())\n")],
    detect: Detect::Patterns {
        strings: r#"
        /\bfor[ \t][^\n]{1,40}[ \t]in[ \t]+(sorted\()?os\.environ(\.items\(\)|\b)/
        /(json\.dumps|str|repr)[ \t]*\([ \t]*(dict\()?os\.environ/
        /=[ \t]*(dict\([ \t]*os\.environ[ \t]*\)|\{[^\n]{0,60}os\.environ\.items\(\))/
        /JSON\.stringify\([ \t]*process\.env/
        /Object\.(entries|keys)\([ \t]*process\.env/
        /\b(all|every|any)[ \t]+(the[ \t]+)?(of[ \t]+the[ \t]+)?(user's[ \t]+)?environment[ \t](variables|files)/ nocase
        /environment variables[ \t](containing|with|that (contain|match)|named)[^\n]{0,40}(key|secret|token|password)/ nocase
        /Get-ChildItem[ \t]+env:/ nocase
        /"[A-Z_]{3,40}"[ \t]*:[ \t]*os\.environ[^\n]{1,80}\n[ \t]*"[A-Z_]{3,40}"[ \t]*:[ \t]*os\.environ/
"#,
        applies: Applies::Anywhere,
        keep: always,
    },
    ..Rule::SIGNAL
};
