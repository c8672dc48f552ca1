//! Secrets that are rotated under a running service, and configurations of others.

use crate::place::{Place, Running, has, until};

/// Whether the service has told, in its record, that the last pass stalled.
fn is_stalled(place: &Place) -> Option<()> {
    let (_, status) = place.verb(&["status", "-o", "json"]);
    let conditions = status["conditions"].as_array()?.clone();
    let stalled = conditions.iter().find(|condition| condition["type"] == "Stalled")?;
    (stalled["status"] == "True").then_some(())
}

fn bare(place: &Place, to: &str) {
    let (from, to) = (place.path("repo"), place.path(to));
    let _ = std::fs::remove_dir_all(&to);
    place.git(&["clone", "-q", "--bare", from.to_str().unwrap(), to.to_str().unwrap()]);
}

/// What the doctor says of the repository: the level and the message.
fn doctor(place: &Place) -> (String, String) {
    let (_, told) = place.verb(&["doctor", "-o", "json"]);
    let checks = told["checks"].as_array().unwrap();
    let one = checks.iter().find(|check| check["check"] == "repository").unwrap();
    let text = |key: &str| one[key].as_str().unwrap().to_owned();
    (text("level"), text("message"))
}

#[test]
fn a_rotated_token_heals_a_running_service() {
    if !has(&["git", "python3"]) {
        return;
    }
    let place = Place::new();
    place.commit("1", &[], &[]);
    bare(&place, "git/private/skills.git");
    let root = place.path("git");
    let server = Running::script(
        "git-http-backend",
        &[root.to_str().unwrap(), "--user", "x-access-token:the-new-one"],
    );
    let token = place.write("token", "the-old-one\n");
    let place = place
        .with("SKILLS_REPO", format!("{}/private/skills.git", server.url))
        .with("GITHUB_TOKEN_FILE", token.to_str().unwrap());
    let _service = Running::service(&place);
    until("the old token is refused", || {
        place.path("data/.skill-sync/state.db").exists().then(|| is_stalled(&place))?
    });
    place.write("token", "the-new-one\n");
    assert_eq!(until("the new one is taken", || place.served()), "Version 1.");
}

#[test]
fn a_rotated_key_with_a_passphrase_heals_a_running_service() {
    if !has(&["git", "python3", "sshd", "ssh", "ssh-keygen"]) {
        return;
    }
    let place = Place::new();
    place.commit("1", &[], &[]);
    bare(&place, "git/skills.git");
    for name in ["old", "new"] {
        let mut keygen = place.program("ssh-keygen");
        place.must(keygen.args(["-q", "-t", "ed25519", "-a", "1", "-N", "open sesame", "-f", name]));
    }
    let (root, keys) = (place.path("git"), place.path("new.pub"));
    let server = Running::script("sshd", &[root.to_str().unwrap(), "--keys", keys.to_str().unwrap()]);
    let port = server.url.rsplit(':').next().unwrap().to_owned();
    let host = std::fs::read_to_string(place.path("sshd/host_ed25519.pub")).unwrap();
    let hosts = place.write("known hosts", format!("[127.0.0.1]:{port} {host}"));
    std::fs::copy(place.path("old"), place.path("key")).unwrap();
    let passphrase = place.write("passphrase", "open sesame\n");
    let (url, key) = (&server.url, place.path("key"));
    let place = place
        .with("SKILLS_REPO", format!("{url}/skills.git"))
        .with("SSH_KEY", key.to_str().unwrap())
        .with("SSH_KEY_PASSPHRASE_FILE", passphrase.to_str().unwrap())
        .with("SSH_KNOWN_HOSTS", hosts.to_str().unwrap());
    assert!(place.stalled().contains("Permission denied"));
    let (level, message) = doctor(&place);
    assert!(level == "problem" && message.contains("Permission denied"), "{level}: {message}");
    let _service = Running::service(&place);
    std::fs::copy(place.path("new"), place.path("key")).unwrap();
    assert_eq!(until("the new key is taken", || place.served()), "Version 1.");
    let (level, message) = doctor(&place);
    assert!(level == "ok" && message.contains("answers; refs/heads/main is at"), "{level}: {message}");
}

#[test]
fn an_app_gets_its_tokens_where_forge_api_says() {
    if !has(&["git", "python3", "openssl"]) {
        return;
    }
    let place = Place::new();
    place.commit("1", &[], &[]);
    bare(&place, "git/private/skills.git");
    place.must(place.program("openssl").args(["genrsa", "-traditional", "-out", "app.pem", "2048"]));
    place.must(place.program("openssl").args(["rsa", "-in", "app.pem", "-pubout", "-out", "app.pub"]));
    let shown = |name: &str| place.path(name).to_str().unwrap().to_owned();
    let (root, key, public, log) = (shown("git"), shown("app.pem"), shown("app.pub"), shown("api.log"));
    let token = "ghs_of_an_app";
    let server = Running::script("git-http-backend", &[&root, "--user", &format!("x-access-token:{token}")]);
    let asked = ["--app", "12", "--installation", "34", "--public-key", &public, "--log", &log];
    let api = Running::script("github-api", &[&asked[..], &["--token", token]].concat());
    let place = place
        .with("SKILLS_REPO", format!("{}/private/skills.git", server.url))
        .with("GITHUB_APP_ID", "12")
        .with("GITHUB_APP_INSTALLATION_ID", "34")
        .with("GITHUB_APP_PRIVATE_KEY_FILE", key)
        .with("FORGE_API", format!("{}/api/v3/", api.url));
    place.applied();
    assert_eq!(place.served().as_deref(), Some("Version 1."));
    assert_eq!(std::fs::read_to_string(log).unwrap(), "201\n");
}

#[test]
fn the_configuration_of_git_is_neither_the_users_nor_the_machines() {
    if !has(&["git", "python3"]) {
        return;
    }
    let place = Place::new();
    place.commit("1", &[], &[]);
    bare(&place, "git/skills.git");
    let root = place.path("git");
    let server = Running::script("git-http-backend", &[root.to_str().unwrap()]);
    // Each of these breaks git itself.
    let config = format!(
        "[url \"http://127.0.0.1:1/\"]\n\tinsteadOf = {}/\n[http]\n\tproxy = http://127.0.0.1:1\n[broken\n",
        server.url
    );
    let home = place.write("home/.gitconfig", &config);
    place.write("home/.config/git/config", &config);
    let url = format!("{}/skills.git", server.url);
    let git = place.program("git").args(["ls-remote", &url]).output().unwrap();
    assert!(!git.status.success(), "the configuration breaks nothing, so it proves nothing");
    let place = place
        .with("SKILLS_REPO", &url)
        .with("HOME", home.parent().unwrap().to_str().unwrap())
        .with("XDG_CONFIG_HOME", home.parent().unwrap().join(".config").to_str().unwrap())
        .with("GIT_CONFIG_GLOBAL", home.to_str().unwrap())
        .with("GIT_CONFIG_SYSTEM", home.to_str().unwrap())
        .with("GIT_DIR", "/nowhere")
        .with("GIT_SSH_COMMAND", "false");
    place.applied();
    assert_eq!(place.served().as_deref(), Some("Version 1."));
}
