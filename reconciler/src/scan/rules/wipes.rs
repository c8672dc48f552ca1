//! Everything is deleted.

use crate::scan::document::Hit;

use crate::scan::rule::{Applies, Detect, Rule, file, skill};

pub(in crate::scan) static RULE: Rule = Rule {
    id: "wipes",
    title: "Everything is deleted",
    says: "deletes a home, a disk, or all above it",
    looks_for: "rm -rf on /, the home or the parent directory, file systems made on devices, dd onto disks, fork bombs, recursive deletes of system drives.",
    why: "No task of a skill needs it.",
    help: "Remove it; delete the named files that the skill itself made.",
    references: &["MITRE ATT&CK T1485 Data Destruction", "MITRE ATT&CK T1561 Disk Wipe"],
    hits: &[
        file("a.sh", "#!/bin/bash\nrm -rf ./* ../*\n"),
        file("a.sh", "sudo rm -rf / --no-preserve-root\n"),
    ],
    misses: &[file("a.sh", "rm -rf \"$tmp\" ./build\n"), skill("Never run `rm -rf /`.\n")],
    detect: Detect::Patterns {
        strings: r#"
        /\brm[ \t]+(-[a-zA-Z]+[ \t]+){1,3}(--no-preserve-root[ \t]+)?["']?(\/|~|\$HOME|\$\{HOME\})(\/?\*)?["']?/
        /\brm[ \t]+(-[a-zA-Z]+[ \t]+){1,3}[^\n;&|]{0,40}\.\.\/\*/
        /\bmkfs(\.[a-z0-9]{2,6})?[ \t]+[^\n]{0,20}\/dev\/[a-z]/
        /\bdd[ \t]+if=\/dev\/(zero|u?random)[ \t]+of=\/dev\/(sd|nvme|disk|hd|vd)/
        /:\(\)[ \t]*\{[ \t]*:[ \t]*\|[ \t]*:[ \t]*&[ \t]*\}[ \t]*;[ \t]*:/
        /shutil\.rmtree\([ \t]*(["']\/["']|Path\.home\(\)|os\.path\.expanduser\(["']~["']\))/
        /Remove-Item[^\n]{0,60}(C:\\|\$env:USERPROFILE|\$HOME)["']?[ \t]+(-Recurse|-Force)/ nocase
        /(rd|rmdir|del)[ \t]+(\/[sqf][ \t]+){1,3}["']?(C:\\["']?|%USERPROFILE%)/ nocase
        /find[ \t]+(\/|~|\$HOME)[ \t][^\n]{0,80}-delete/
"#,
        applies: Applies::Code,
        keep: is_all_of_it,
    },
    ..Rule::MALICIOUS
};

/// Lists of what is forbidden name the same commands, within quotes; and more of a path would be a part of it.
fn is_all_of_it(hit: &Hit<'_>) -> bool {
    let text = hit.text().to_ascii_lowercase();
    let is_command =
        !["rm", "mkfs", "dd", "find"].iter().any(|name| text.starts_with(name)) || hit.is_at_command();
    let is_path = text.starts_with("rm") || text.starts_with("rd") || text.starts_with("del");
    is_command && (!is_path || text.ends_with("%userprofile%") || ends_command(hit))
}

fn ends_command(hit: &Hit<'_>) -> bool {
    let after = hit.document.text(hit.span.end..hit.span.end + 16, 16);
    let after = after.trim_start_matches([' ', '\t']);
    after.is_empty() || ["\n", "\r", ";", "&", "|", "2>", "--no"].iter().any(|end| after.starts_with(end))
}
