//! Over SSH, from a real sshd.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use reconciler::report::Remedy;
use reconciler::source::{Ancestry, FetchError, Secret, SourceError, Ssh};

use crate::world::{Listener, Upstream, World, skip, until};

const PASSPHRASE: &str = "correct horse, battery staple";

/// A real sshd over the repositories of a world, and the keys of who may read them; it ends with this
/// value.
struct Sshd {
    url: String,
    home: PathBuf,
    _listener: Listener,
}

impl Sshd {
    /// None, with a line that says so, where this machine has no sshd.
    fn start(world: &World, arguments: &[&str]) -> Option<Self> {
        let has = |path: &str| Path::new(path).exists();
        if !has("/usr/sbin/sshd") || !has("/usr/bin/ssh") || !has("/usr/bin/python3") {
            skip("a fetch over SSH, because there is no sshd, ssh or python3 in /usr");
            return None;
        }
        let home = world.dir.path().to_owned();
        let (root, keys) = (home.join("git"), home.join("authorized"));
        if !keys.exists() {
            std::fs::write(&keys, "").unwrap();
        }
        let mut all = vec![root.to_str().unwrap(), "--keys", keys.to_str().unwrap()];
        all.extend(arguments);
        let listener = Listener::start("sshd", &all);
        Some(Self { url: listener.url.clone(), home, _listener: listener })
    }

    fn port(&self) -> &str {
        self.url.rsplit(':').next().unwrap()
    }

    /// A file of known hosts with these keys of the server under its name.
    fn known_hosts(&self, name: &str, kinds: &[&str]) -> PathBuf {
        let line = |kind: &&str| {
            let key = std::fs::read_to_string(self.home.join(format!("sshd/host_{kind}.pub"))).unwrap();
            format!("[127.0.0.1]:{} {key}", self.port())
        };
        let path = self.home.join(name);
        std::fs::write(&path, kinds.iter().map(line).collect::<String>()).unwrap();
        path
    }

    /// What follows `repository` of this server, with a key.
    fn world(&self, repository: &str, key: Option<&Path>) -> World {
        let mut world = World::new().url(format!("{}/{repository}", self.url));
        world.source.ssh = Ssh {
            key: key.map(Path::to_owned),
            known_hosts: Some(self.known_hosts("known_hosts", &["ed25519", "rsa", "ecdsa"])),
            ..Ssh::default()
        };
        world
    }
}

/// Makes a key and lets it in.
fn key(world: &World, name: &str, arguments: &[&str]) -> PathBuf {
    let path = stranger(world, name, arguments);
    let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
    let authorized = world.dir.path().join("authorized");
    let before = std::fs::read_to_string(&authorized).unwrap_or_default();
    std::fs::write(authorized, before + &public).unwrap();
    path
}

/// Makes a key that nobody knows.
fn stranger(world: &World, name: &str, arguments: &[&str]) -> PathBuf {
    let path = world.dir.path().join(name);
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-C", name, "-f"]).arg(&path).args(arguments);
    if !arguments.contains(&"-N") {
        command.args(["-N", ""]);
    }
    assert!(command.status().is_ok_and(|status| status.success()), "a key: {name}");
    path
}

fn is_here() -> bool {
    let here = Path::new("/usr/bin/ssh-keygen").exists();
    if !here {
        skip("a fetch over SSH, because there is no ssh-keygen in /usr/bin");
    }
    here
}

#[test]
fn every_kind_of_key_is_let_in_with_a_passphrase_and_without() {
    if !is_here() {
        return;
    }
    let server = World::new();
    let commit = server.upstream().push("main", "one");
    let kinds: [(&str, &[&str]); 6] = [
        ("ed25519", &["-t", "ed25519"]),
        ("ecdsa", &["-t", "ecdsa"]),
        ("rsa", &["-t", "rsa", "-b", "2048"]),
        ("ed25519-locked", &["-t", "ed25519", "-N", PASSPHRASE, "-a", "1"]),
        ("rsa-locked", &["-t", "rsa", "-b", "2048", "-N", PASSPHRASE, "-a", "1"]),
        ("rsa-pem-locked", &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", PASSPHRASE]),
    ];
    let keys: Vec<PathBuf> = kinds.iter().map(|(name, arguments)| key(&server, name, arguments)).collect();
    let Some(sshd) = Sshd::start(&server, &[]) else { return };
    for key in keys {
        let mut world = sshd.world("skills.git", Some(&key));
        if key.to_str().unwrap().ends_with("locked") {
            world.source.ssh.passphrase = Some(Secret::Value(PASSPHRASE.to_owned()));
        }
        let fetched = world.fetched();
        assert_eq!((fetched.commit, fetched.reference.as_str()), (commit, "refs/heads/main"), "{key:?}");
    }
}

/// The form that has no place for a port: only a server at port 22 shows that it is meant.
#[test]
fn the_form_of_scp_is_ssh_at_its_own_port() {
    // All of 127/8 is this machine: here nobody else listens, unless somebody listens everywhere.
    const ADDRESS: &str = "127.0.0.22";
    if !is_here() {
        return;
    }
    if let Err(error) = std::net::TcpListener::bind((ADDRESS, 22)) {
        println!(
            "not tried: a fetch from {ADDRESS}:skills.git, because nobody may listen at port 22: {error}"
        );
        return;
    }
    let server = World::new();
    let commit = server.upstream().push("main", "one");
    let key = key(&server, "client", &["-t", "ed25519"]);
    let Some(sshd) = Sshd::start(&server, &["--address", ADDRESS, "--port", "22"]) else { return };
    let user = sshd.url.strip_prefix("ssh://").and_then(|rest| rest.split('@').next()).unwrap();
    let host = std::fs::read_to_string(sshd.home.join("sshd/host_ed25519.pub")).unwrap();
    let hosts = sshd.home.join("hosts");
    std::fs::write(&hosts, format!("{ADDRESS} {host}")).unwrap();
    let mut world = World::new().url(format!("{user}@{ADDRESS}:skills.git"));
    world.source.ssh = Ssh { key: Some(key), known_hosts: Some(hosts), ..Ssh::default() };
    assert_eq!(world.fetched().commit, commit);
}

#[test]
fn the_first_fetch_is_shallow_and_later_ones_bring_what_lies_between() {
    if !is_here() {
        return;
    }
    let server = World::new();
    let upstream = server.upstream();
    let root = upstream.push("main", "zero");
    let first = upstream.push("main", "one");
    let key = key(&server, "client", &["-t", "ed25519"]);
    let Some(sshd) = Sshd::start(&server, &[]) else { return };
    let world = sshd.world("skills.git", Some(&key));
    assert_eq!(world.fetched().commit, first);
    let mirror = world.mirror();
    assert!(mirror.git().is_shallow() && mirror.git().find_commit(root.oid()).is_err());
    assert_eq!(world.fetched().commit, first);
    upstream.push("main", "two");
    let third = upstream.push("main", "three");
    assert_eq!(world.fetched().commit, third);
    assert_eq!(world.mirror().is_ancestor(first, third).unwrap(), Ancestry::Yes);
    let old = sshd.world("skills.git", Some(&key)).following(first.to_string());
    assert_eq!(old.fetched().commit, first);
}

#[test]
fn a_passphrase_that_is_wrong_or_missing_is_told_as_such() {
    if !is_here() {
        return;
    }
    let server = World::new();
    server.upstream().push("main", "one");
    let locked = key(&server, "locked", &["-t", "ed25519", "-N", PASSPHRASE, "-a", "1"]);
    let Some(sshd) = Sshd::start(&server, &[]) else { return };
    let mut world = sshd.world("skills.git", Some(&locked));
    let missing = world.refused();
    assert!(matches!(missing, FetchError::Passphrase { given: false, .. }), "{missing}");
    assert!(missing.to_string().contains("set SSH_KEY_PASSPHRASE"), "{missing}");
    let secret = world.dir.path().join("passphrase");
    world.source.ssh.passphrase = Some(Secret::File(secret.clone()));
    assert!(matches!(world.fetch().unwrap_err(), SourceError::Secret { .. }));
    std::fs::write(&secret, "wr0ng").unwrap();
    let wrong = world.refused();
    assert!(matches!(wrong, FetchError::Passphrase { given: true, .. }), "{wrong}");
    assert!(
        wrong.to_string().contains("does not open it") && !wrong.to_string().contains("wr0ng"),
        "{wrong}"
    );
    assert_eq!((missing.remedy(), wrong.remedy()), (Remedy::Person, Remedy::Person));
    // The right one, and then the key itself, are taken at the next fetch.
    std::fs::write(&secret, format!("{PASSPHRASE}\n")).unwrap();
    world.fetched();
    let plain = stranger(&server, "plain", &["-t", "ed25519"]);
    std::fs::rename(plain, &locked).unwrap();
    let rotated = world.refused();
    assert!(matches!(rotated, FetchError::SshRefused { .. }), "{rotated}");
}

#[test]
fn a_key_that_nobody_let_in_is_refused_in_the_words_of_ssh() {
    if !is_here() {
        return;
    }
    let server = World::new();
    server.upstream().push("main", "one");
    let stranger = stranger(&server, "stranger", &["-t", "ed25519"]);
    let open = key(&server, "open", &["-t", "ed25519"]);
    let Some(sshd) = Sshd::start(&server, &[]) else { return };
    let refused = sshd.world("skills.git", Some(&stranger)).refused();
    assert!(matches!(refused, FetchError::SshRefused { given: true, .. }), "{refused}");
    assert!(refused.to_string().contains("Permission denied (publickey)"), "{refused}");
    let without = sshd.world("skills.git", None).refused();
    assert!(matches!(without, FetchError::SshRefused { given: false, .. }), "{without}");
    assert!(without.to_string().contains("set SSH_KEY"), "{without}");
    assert_eq!((refused.remedy(), without.remedy()), (Remedy::Person, Remedy::Person));

    let mut missing = sshd.world("skills.git", Some(Path::new("/nowhere/key")));
    let error = missing.fetch().unwrap_err();
    assert!(error.to_string().contains("/nowhere/key") && error.to_string().contains("SSH_KEY"), "{error}");
    assert_eq!(error.remedy(), Remedy::Person);
    let no_key = server.dir.path().join("no-key");
    std::fs::write(&no_key, "this is no key\n").unwrap();
    std::fs::set_permissions(&no_key, std::fs::Permissions::from_mode(0o600)).unwrap();
    missing.source.ssh.key = Some(no_key);
    let error = missing.refused();
    assert!(matches!(error, FetchError::SshKey { .. }) && error.to_string().contains("Load key"), "{error}");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    missing.source.ssh.key = Some(open);
    let error = missing.refused();
    assert!(error.to_string().contains("UNPROTECTED PRIVATE KEY FILE"), "{error}");
}

#[test]
fn a_host_must_be_known_and_stay_the_same() {
    if !is_here() {
        return;
    }
    let server = World::new();
    let commit = server.upstream().push("main", "one");
    let client = key(&server, "client", &["-t", "ed25519"]);
    let Some(sshd) = Sshd::start(&server, &["--only", "rsa"]) else { return };
    let mut world = sshd.world("skills.git", Some(&client));

    world.source.ssh.known_hosts = None;
    let unknown = world.refused();
    assert!(matches!(unknown, FetchError::HostKeyUnknown { given: false, .. }), "{unknown}");
    assert!(unknown.to_string().contains("set SSH_KNOWN_HOSTS"), "{unknown}");
    let empty = sshd.known_hosts("empty", &[]);
    world.source.ssh.known_hosts = Some(empty.clone());
    let unknown = world.refused();
    assert!(unknown.to_string().contains("No RSA host key is known for [127.0.0.1]"), "{unknown}");
    assert_eq!(std::fs::read(&empty).unwrap(), b"", "nothing is learnt by itself");

    let other = World::new();
    let theirs = stranger(&other, "theirs", &["-t", "rsa", "-b", "2048"]);
    let theirs = std::fs::read_to_string(theirs.with_extension("pub")).unwrap();
    let changed = sshd.home.join("changed");
    std::fs::write(&changed, format!("[127.0.0.1]:{} {theirs}", sshd.port())).unwrap();
    world.source.ssh.known_hosts = Some(changed);
    let changed = world.refused();
    assert!(matches!(changed, FetchError::HostKeyChanged { .. }), "{changed}");
    assert!(changed.to_string().contains("REMOTE HOST IDENTIFICATION HAS CHANGED"), "{changed}");
    assert!(changed.to_string().contains("Host key verification failed"), "{changed}");
    assert_eq!((unknown.remedy(), changed.remedy()), (Remedy::Person, Remedy::Person));

    // Several keys, their names hashed; and then a blank in the path of the file.
    let hashed = sshd.known_hosts("hashed known hosts", &["ed25519", "rsa"]);
    let hash = Command::new("ssh-keygen").arg("-H").arg("-f").arg(&hashed).output().unwrap();
    assert!(hash.status.success());
    assert!(!std::fs::read_to_string(&hashed).unwrap().contains("127.0.0.1"));
    world.source.ssh.known_hosts = Some(hashed);
    assert_eq!(world.fetched().commit, commit);
}

#[test]
fn an_agent_is_asked_only_where_that_is_said() {
    if !is_here() {
        return;
    }
    let server = World::new();
    let commit = server.upstream().push("main", "one");
    let client = key(&server, "client", &["-t", "ed25519"]);
    let other = stranger(&server, "other", &["-t", "ed25519"]);
    let Some(sshd) = Sshd::start(&server, &[]) else { return };
    let socket = server.dir.path().join("agent");
    let mut agent =
        Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
    until("the agent listens", || socket.exists().then_some(()));
    for key in [&other, &client] {
        let added =
            Command::new("ssh-add").arg("-q").arg(key).env("SSH_AUTH_SOCK", &socket).status().unwrap();
        assert!(added.success());
    }
    let mut world = sshd.world("skills.git", None);
    assert!(matches!(world.refused(), FetchError::SshRefused { .. }));
    world.source.ssh.agent = Some(socket);
    assert_eq!(world.fetched().commit, commit);
    // The public half says which of its keys is meant.
    world.source.ssh.key = Some(client.with_extension("pub"));
    assert_eq!(world.fetched().commit, commit);
    world.source.ssh.key = Some(other.with_extension("pub"));
    assert!(matches!(world.refused(), FetchError::SshRefused { .. }));
    agent.kill().unwrap();
    agent.wait().unwrap();
}

#[test]
fn what_is_not_there_is_told_apart() {
    if !is_here() {
        return;
    }
    let server = World::new();
    server.upstream();
    let client = key(&server, "client", &["-t", "ed25519"]);
    let Some(sshd) = Sshd::start(&server, &[]) else { return };
    let empty = sshd.world("skills.git", Some(&client)).refused();
    assert!(matches!(empty, FetchError::Empty { .. }), "{empty}");
    let missing = sshd.world("nothing.git", Some(&client)).refused();
    assert!(matches!(missing, FetchError::NoSuchRepository { given: true, .. }), "{missing}");
    assert_eq!(missing.remedy(), Remedy::Person);
    let nowhere = World::new().url("ssh://git@host.invalid/r").refused();
    assert!(matches!(nowhere, FetchError::Dns { .. }), "{nowhere}");
    let url = sshd.url.clone();
    drop(sshd);
    let gone = World::new().url(format!("{url}/skills.git")).refused();
    assert!(matches!(gone, FetchError::Unreachable { .. }), "{gone}");
    assert_eq!((nowhere.remedy(), gone.remedy()), (Remedy::Retry(None), Remedy::Retry(None)));
}

/// The process ids of every ssh to a port.
fn clients(port: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
        let path = entry.path();
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        if words.first() == Some(&&b"ssh"[..]) && words.windows(2).any(|two| two == [b"-p", port.as_bytes()])
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_silent_server_ends_at_the_deadline_and_takes_ssh_with_it() {
    if !is_here() {
        return;
    }
    let server = World::new();
    Upstream::new(&server.dir.path().join("git/silent.git"));
    let locked = key(&server, "locked", &["-t", "ed25519", "-N", PASSPHRASE, "-a", "1"]);
    let Some(sshd) = Sshd::start(&server, &[]) else { return };
    let mut world = sshd.world("silent.git", Some(&locked)).timeout(Duration::from_secs(15));
    world.source.ssh.passphrase = Some(Secret::Value(PASSPHRASE.to_owned()));
    let port = sshd.port().to_owned();
    std::thread::scope(|scope| {
        let fetch = scope.spawn(|| world.refused());
        let ssh = until("ssh runs", || clients(&port).pop());
        for of_it in ["cmdline", "environ"] {
            let text = std::fs::read(ssh.join(of_it)).unwrap();
            assert!(!String::from_utf8_lossy(&text).contains(PASSPHRASE), "{of_it}");
        }
        let error = fetch.join().unwrap();
        assert!(matches!(error, FetchError::Timeout { seconds: 15, .. }), "{error}");
    });
    until("ssh is gone", || clients(&port).is_empty().then_some(()));
}

#[test]
fn nothing_of_the_users_or_the_machines_configuration_is_read() {
    if !is_here() {
        return;
    }
    if !Path::new("/usr/bin/strace").exists() {
        return skip("what ssh reads, because there is no strace to see it");
    }
    let server = World::new();
    let commit = server.upstream().push("main", "one");
    let client = key(&server, "client", &["-t", "ed25519"]);
    let Some(sshd) = Sshd::start(&server, &[]) else { return };
    let mut world = sshd.world("skills.git", Some(&client));
    let (script, trace) = (server.dir.path().join("traced"), server.dir.path().join("trace"));
    let text = format!(
        "#!/bin/sh\nexec /usr/bin/strace -D -f -qq -e trace=%file -o '{}' '{}' \"$@\"\n",
        trace.display(),
        env!("CARGO_BIN_EXE_reconciler-fetch")
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    world.source.child = vec![script.into()];
    assert_eq!(world.fetched().commit, commit);
    let traced = until("ssh was seen", || {
        let text = std::fs::read_to_string(&trace).unwrap();
        text.contains(client.to_str().unwrap()).then_some(text)
    });
    let read = |name: &str| traced.lines().filter(|line| line.contains(name)).collect::<Vec<_>>();
    for name in ["/.ssh", "/ssh_config", "gitconfig", "/.config"] {
        assert_eq!(read(name), Vec::<&str>::new(), "{name}");
    }
}
