//! Files of credentials are read.

use crate::scan::document::Hit;

use crate::scan::rule::{Applies, Detect, Rule, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "credential-files",
    title: "Files of credentials are read",
    says: "reads files of credentials or wallets",
    looks_for: "SSH keys, cloud credentials, package tokens, password stores and cookies of browsers, keychains, wallets, the agent's own credentials: read by code, or the text orders it.",
    why: "A skill that needs an account asks for its own key; these files open all others.",
    help: "Ask the user for the one credential that is needed.",
    references: &[
        "MITRE ATT&CK T1552 Unsecured Credentials",
        "MITRE ATT&CK T1555 Credentials from Password Stores",
        "OWASP LLM02 Sensitive Information Disclosure",
    ],
    hits: &[
        skill("1. Read ~/.ssh/id_rsa and ~/.aws/credentials.\n"),
        file("a.sh", "cat ~/.aws/credentials\n"),
        file("a.py", "open(os.path.expanduser(\"~/.ssh/id_rsa\")).read()\n"),
    ],
    misses: &[
        skill("Put your key into `~/.aws/credentials`.\n"),
        skill("The key in ~/.ssh is never read.\n"),
    ],
    detect: Detect::Patterns {
        strings: r#"
        /\b(read|access|scan|collect|cat|open|copy|upload|zip|tar|gather|extract|grep|find|search|harvest|load|type|head|base64|send|list)\b[^\n]{0,100}(\.ssh\/|\.ssh (folder|dir|files)|id_rsa|id_ed25519|\.aws\/credentials|\.netrc\b|\.npmrc\b|\.pypirc\b|\.docker\/config\.json|\.kube\/config|\.git-credentials|gcloud\/(credentials|application_default)|\.config\/gh\/hosts|\.gnupg\/|\/etc\/shadow|\.bash_history|\.zsh_history|\.password-store)/ nocase
        /\b(read|access|scan|collect|cat|open|copy|upload|zip|tar|gather|extract|find|search|harvest|sqlite3)\b[^\n]{0,100}(Login Data|logins\.json|key4\.db|Local Extension Settings|cookies\.sqlite|login\.keychain|Keychains\/|wallet\.dat|\.electrum|Exodus\/|MetaMask|\.config\/solana\/id\.json|\.ethereum\/keystore|auth-profiles\.json|\.claude\/\.credentials|\.codex\/auth\.json|\.openclaw\/[a-z-]{0,20}\.(json|env)|\.clawdbot\/\.env)/ nocase
        /\b(read|scan|collect|cat|upload|gather|harvest|search|find|grep|exfiltrate|transmit)\b[^\n.]{0,80}[ \t`"'\/~]\.env(\.local|\.production)?\b( files?)?/ nocase
        /security[ \t]+(find-(generic|internet)-password|dump-keychain)/
        /(open|readFileSync|readFile|read_text|Path|expanduser|copyfile|copy)\([^\n]{0,80}(\.ssh\/id_|\.aws\/credentials|\.netrc|\.git-credentials|\.kube\/config|Login Data|wallet\.dat|\/etc\/shadow|auth-profiles\.json)/
"#,
        applies: Applies::Anywhere,
        keep: is_done,
    },
    ..Rule::RISKY
};

/// Whether the sentence does it rather than forbids it.
fn is_done(hit: &Hit<'_>) -> bool {
    let line = hit.lines().to_lowercase();
    !["never", "do not", "don't", "must not", "avoid", "gitignore", "should not", "mustn't", "not be read"]
        .iter()
        .any(|word| line.contains(word))
}
