//! Something stays after the skill.

use crate::scan::document::Hit;

use crate::scan::rule::{Applies, Detect, Rule, file};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "persistence",
    title: "Something stays after the skill",
    says: "installs something that starts by itself",
    looks_for: "Cron tables, launch agents, systemd units, scheduled tasks, run keys, start-up files of shells, git hooks: written or loaded.",
    why: "It runs when nobody asked for the skill any more, and survives its removal.",
    help: "Say in the text that it is installed, and let the user do it.",
    references: &[
        "MITRE ATT&CK T1053 Scheduled Task/Job",
        "MITRE ATT&CK T1546.004 Unix Shell Configuration Modification",
        "MITRE ATT&CK T1543 Create or Modify System Process",
    ],
    hits: &[
        file("a.sh", "(crontab -l; echo \"0 * * * * /opt/x\") | crontab -\n"),
        file("a.sh", "echo \"alias x=y\" >> ~/.bashrc\n"),
        file("a.sh", "launchctl load ~/Library/LaunchAgents/x.plist\n"),
    ],
    misses: &[
        file("a.sh", "crontab -l\n"),
        file("a.sh", "echo 'export PATH=\"$HOME/bin:$PATH\"' >> ~/.bashrc\n"),
    ],
    detect: Detect::Patterns {
        strings: r#"
        /\|[ \t]*(sudo[ \t]+)?crontab[ \t]+-[^\n]{0,20}/
        /(>>?|tee([ \t]+-a)?)[ \t]*["']?\/etc\/cron[^\n]{0,60}/
        /(echo|printf|cat)[^\n]{0,200}>>?[ \t]*["']?(~|\$HOME|\$\{HOME\}|\/root|\/home\/[^\/\n]{1,30})\/\.(bashrc|zshrc|profile|bash_profile|zprofile|zshenv|bash_login)/
        /open\([^\n]{0,60}\.(bashrc|zshrc|bash_profile|profile)["'][^\n]{0,20}["'](a|w)/
        /launchctl[ \t]+(load|bootstrap|submit)[^\n]{0,80}/
        /(>|>>|tee|cp|mv|install)[ \t][^\n]{0,100}(LaunchAgents|LaunchDaemons)\/[^\n]{0,60}/
        /systemctl[ \t]+(--user[ \t]+)?enable[^\n]{0,60}/
        /schtasks(\.exe)?[ \t]+\/create[^\n]{0,120}/ nocase
        /Register-ScheduledTask[^\n]{0,80}/ nocase
        /CurrentVersion\\{1,2}Run[^\n]{0,80}/ nocase
        /Start Menu\\{1,2}Programs\\{1,2}Startup[^\n]{0,60}/ nocase
        /(>|>>|tee|cp|mv|ln[ \t]+-s[f]?|cat)[ \t][^\n]{0,100}\.git\/hooks\/(pre|post|commit|prepare)-?[a-z-]{2,20}/
        />>[ \t]*["']?(~|\$HOME|\/root|\/home\/[^\/\n]{1,30})\/\.ssh\/authorized_keys/
"#,
        applies: Applies::Code,
        keep: is_more_than_a_path,
    },
    ..Rule::RISKY
};

/// Adding a directory to the search path is what installers do.
fn is_more_than_a_path(hit: &Hit<'_>) -> bool {
    let lines = hit.lines();
    !lines.contains("export PATH") && !lines.contains("PATH=")
}
