//! A protection is switched off.

use crate::scan::document::Hit;

use crate::scan::rule::{Applies, Detect, Rule, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "weakens-system",
    title: "A protection is switched off",
    says: "switches a protection of the machine off",
    looks_for: "Gatekeeper, quarantine, SIP, Defender, SELinux, firewalls, audit and history switched off; sudo without a password; setuid; world-writable directories.",
    why: "Whatever comes next meets no guard.",
    help: "Leave the machine's protections to its owner.",
    references: &[
        "MITRE ATT&CK T1562 Impair Defenses",
        "MITRE ATT&CK T1548 Abuse Elevation Control Mechanism",
        "MITRE ATT&CK T1222 File and Directory Permissions Modification",
    ],
    hits: &[
        file("a.sh", "xattr -d com.apple.quarantine ./tool\n"),
        skill("```bash\nchmod -R 777 /opt/shared\n```\n"),
    ],
    misses: &[file("a.sh", "chmod 755 tool\n")],
    detect: Detect::Patterns {
        strings: r#"
        /\b(csrutil[ \t]+disable|spctl[ \t]+--(master|global)-disable|setenforce[ \t]+0|ufw[ \t]+disable|iptables[ \t]+-F)\b/
        /\bxattr[ \t]+(-[a-z]+[ \t]+){1,3}(com\.apple\.quarantine)?[^\n]{0,60}/
        /(Set-MpPreference[^\n]{0,60}-Disable|Add-MpPreference[^\n]{0,40}-Exclusion)[^\n]{0,60}/ nocase
        /systemctl[ \t]+(stop|disable)[ \t]+(firewalld|auditd|apparmor|falcon|clamav)[^\n]{0,20}/
        /\b(history[ \t]+-c\b|HISTSIZE=0)/
        /NOPASSWD[ \t]*:[ \t]*ALL/
        /chmod[ \t]+(-R[ \t]+)?(u\+s|[4-7]?[4567]755|a\+rwx|0?777)[ \t]+[^\n]{1,60}/
        /chown[ \t]+(-R[ \t]+)?root(:root)?[ \t]+[^\n]{1,60}/
"#,
        applies: Applies::Code,
        keep: is_quarantine_or_other,
    },
    ..Rule::RISKY
};

/// `xattr` is listed for the quarantine mark only.
fn is_quarantine_or_other(hit: &Hit<'_>) -> bool {
    let text = hit.text();
    !text.starts_with("xattr") || text.contains("quarantine") || text.contains("-c") && text.contains("r")
}
