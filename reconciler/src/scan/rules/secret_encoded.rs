//! A secret is encoded.

use crate::scan::rule::{Applies, Detect, Rule, always, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "secret-encoded",
    title: "A secret is encoded",
    says: "encodes a secret",
    looks_for: "base64 or hex of a variable of the environment, or of what is named like a secret.",
    why: "Alone it may be HTTP basic authentication; before a request it is a disguise.",
    help: "Nothing, alone.",
    references: &["MITRE ATT&CK T1027 Obfuscated Files or Information"],
    hits: &[file("a.py", "x = base64.b64encode(os.environ[\"API_KEY\"].encode())\n")],
    misses: &[file("a.py", "x = base64.b64encode(image)\n")],
    detect: Detect::Patterns {
        strings: r#"
        /(b64encode|urlsafe_b64encode|hexlify)[ \t]*\([^\n)]{0,40}(os\.environ|getenv|secret|api_key|password|credential|env_data)[^\n]{0,60}/
        /\bbtoa\([^\n)]{0,40}(process\.env|JSON\.stringify\(process)[^\n]{0,40}/
        /Buffer\.from\([^\n)]{0,60}process\.env[^\n]{0,60}toString\(["'](base64|hex)/
        /echo[ \t]+["']?\$\{?[A-Z0-9_]{0,40}(KEY|TOKEN|SECRET|PASSWORD)\}?["']?[ \t]*\|[ \t]*(base64|xxd)/
"#,
        applies: Applies::Code,
        keep: always,
    },
    ..Rule::SIGNAL
};
