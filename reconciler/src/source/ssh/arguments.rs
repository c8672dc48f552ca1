//! How ssh is called: everything is said, nothing is left to a configuration.

use std::path::Path;

use super::super::url::SshPlace;
use super::Given;

/// What holds for every connection. Nobody is asked anything: there is no terminal, and the one program
/// that ssh may ask answers with the passphrase of the key alone.
const ALWAYS: [&str; 20] = [
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=none",
    "UpdateHostKeys=no",
    "VerifyHostKeyDNS=no",
    "CheckHostIP=no",
    "PreferredAuthentications=publickey",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    "NumberOfPasswordPrompts=1",
    "AddKeysToAgent=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "ControlMaster=no",
    "ControlPath=none",
    "ConnectTimeout=30",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
    "LogLevel=ERROR",
];

/// The arguments of ssh.
pub(super) fn of(place: &SshPlace, given: &Given) -> Vec<String> {
    let mut arguments: Vec<String> = ["-F", "none", "-T"].map(str::to_owned).to_vec();
    let mut option = |text: String| arguments.extend(["-o".to_owned(), text]);
    ALWAYS.iter().for_each(|text| option((*text).to_owned()));
    let file = |path: &Option<_>| path.as_deref().map_or("none".to_owned(), quoted);
    option(format!("UserKnownHostsFile={}", file(&given.known_hosts)));
    option(format!("IdentityFile={}", file(&given.key)));
    option(format!("IdentityAgent={}", file(&given.agent)));
    // An agent may hold many keys: where one is named, only that one is shown.
    let only = given.key.is_some() || given.agent.is_none();
    option(format!("IdentitiesOnly={}", if only { "yes" } else { "no" }));
    if let Some(port) = place.port {
        arguments.extend(["-p".to_owned(), port.to_string()]);
    }
    if let Some(user) = &place.user {
        arguments.extend(["-l".to_owned(), user.clone()]);
    }
    let asked = format!("git-upload-pack {}", shell_quoted(&place.path));
    arguments.extend(["--".to_owned(), place.host.clone(), asked]);
    arguments
}

/// A path as ssh reads it: blanks are kept and `%` means itself. What it cannot hold at all is refused
/// where the settings are read.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('%', "%%"))
}

/// One word for the shell of the server, as git itself quotes it.
fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''").replace('!', "'\\!'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_to_a_configuration_and_the_host_is_never_an_option() {
        let place = SshPlace {
            user: Some("git".into()),
            host: "h".into(),
            port: Some(2222),
            path: "/it's a/r!.git".into(),
        };
        let given = Given {
            key: Some("/k 100%".into()),
            known_hosts: Some("/known hosts".into()),
            ..Given::default()
        };
        let arguments = of(&place, &given);
        assert_eq!(arguments[..3], ["-F", "none", "-T"]);
        for wanted in [
            "UserKnownHostsFile=\"/known hosts\"",
            "IdentityFile=\"/k 100%%\"",
            "IdentityAgent=none",
            "IdentitiesOnly=yes",
        ] {
            assert!(arguments.iter().any(|argument| argument == wanted), "{wanted}: {arguments:?}");
        }
        let end = ["-p", "2222", "-l", "git", "--", "h", r"git-upload-pack '/it'\''s a/r'\!'.git'"];
        assert_eq!(arguments[arguments.len() - end.len()..], end);
    }

    #[test]
    fn an_agent_shows_its_keys_only_where_it_was_asked_for() {
        let place = SshPlace { user: None, host: "h".into(), port: None, path: "r".into() };
        let has = |given: &Given, wanted: &str| of(&place, given).iter().any(|argument| argument == wanted);
        let none = Given::default();
        assert!(has(&none, "IdentityAgent=none") && has(&none, "IdentityFile=none"));
        assert!(has(&none, "IdentitiesOnly=yes") && has(&none, "UserKnownHostsFile=none"));
        let agent = Given { agent: Some("/run/agent".into()), ..Given::default() };
        assert!(has(&agent, "IdentityAgent=\"/run/agent\"") && has(&agent, "IdentitiesOnly=no"));
        let chosen = Given { key: Some("/k.pub".into()), ..agent };
        assert!(has(&chosen, "IdentitiesOnly=yes"));
    }
}
