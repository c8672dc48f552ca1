//! Whose word counts: repositories that git itself signs, by ssh-keygen and by gpg.

use std::path::PathBuf;

use crate::place::{Place, has};

/// A place with an SSH key for each name, and one of them in the allowed signers.
struct Ssh {
    place: Place,
}

/// How git is told to sign by a key.
fn by_ssh(key: &str) -> [String; 2] {
    ["gpg.format=ssh".to_owned(), format!("user.signingkey={key}")]
}

impl Ssh {
    fn new(mode: &str) -> Option<Self> {
        if !has(&["git", "ssh-keygen"]) {
            return None;
        }
        let place = Place::new();
        for name in ["alice", "mallory"] {
            place.must(place.program("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", name]));
        }
        let place = place.with("VERIFY", "ssh").with("VERIFY_MODE", mode).with("VERIFY_SIGNERS", "signers");
        let story = Self { place };
        story.allow("alice@example.org", "");
        Some(story)
    }

    fn key(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    /// Lets Alice's key sign as somebody, with these options of the file.
    fn allow(&self, principal: &str, options: &str) {
        let key = std::fs::read_to_string(self.key("alice.pub")).unwrap();
        self.place.write("signers", format!("# who may sign\n{principal} {options} {key}"));
    }

    fn fingerprint(&self, name: &str) -> String {
        let told = self.place.must(self.place.program("ssh-keygen").args(["-l", "-f", name]));
        told.split(' ').nth(1).unwrap().to_owned()
    }

    fn commit(&self, version: &str, signer: &str) -> String {
        let key = self.key(signer);
        let config = by_ssh(key.to_str().unwrap());
        self.place.commit(version, &config.each_ref().map(String::as_str), &["-S"])
    }

    fn tag(&self, name: &str, signer: &str) {
        let (repo, key) = (self.place.path("repo"), self.key(signer));
        let [format, key] = by_ssh(key.to_str().unwrap());
        let repo = repo.to_str().unwrap();
        self.place.git(&["-C", repo, "-c", &format, "-c", &key, "tag", "-s", "-m", name, name]);
    }

    fn in_repo(&self, arguments: &[&str]) -> String {
        let repo = self.place.path("repo");
        self.place.git(&[&["-C", repo.to_str().unwrap()], arguments].concat())
    }
}

#[test]
fn a_commit_counts_where_somebody_signed_it_who_may_and_is_on_record() {
    let Some(story) = Ssh::new("head") else { return };
    let commit = story.commit("1", "alice");
    let report = story.place.applied();
    assert_eq!(report["signer"]["name"], "alice@example.org");
    assert_eq!(report["signer"]["key"], story.fingerprint("alice").as_str());
    let (_, audit) = story.place.verb(&["audit", "list", "-o", "json"]);
    let pass = audit.as_array().unwrap().iter().find(|record| record["kind"] == "pass").unwrap();
    assert_eq!(pass["body"]["revision"], commit.as_str());
    assert_eq!(pass["body"]["signer"]["name"], "alice@example.org");

    let unsigned = story.place.commit("2", &[], &["--no-gpg-sign"]);
    let why = story.place.stalled();
    assert!(why.contains(&unsigned) && why.contains("not signed by anybody"), "{why}");
    assert_eq!(story.place.served().as_deref(), Some("Version 1."));
    // Who may sign is read at each pass, and drift is put right meanwhile.
    story.place.write("data/skills/horde.md", "drifted");
    story.commit("3", "mallory");
    let why = story.place.stalled();
    assert!(
        why.contains(&story.fingerprint("mallory")) && why.contains("VERIFY_SIGNERS does not let"),
        "{why}"
    );
    assert_eq!(story.place.served().as_deref(), Some("Version 1."));
    let key = std::fs::read_to_string(story.key("mallory.pub")).unwrap();
    story.place.write("signers", format!("* namespaces=\"git\" {key}"));
    story.place.applied();
    assert_eq!(story.place.served().as_deref(), Some("Version 3."));
}

#[test]
fn dates_and_namespaces_of_the_allowed_signers_count() {
    let Some(story) = Ssh::new("head") else { return };
    story.commit("1", "alice");
    for (options, word) in [
        ("namespaces=\"file\"", "VERIFY_SIGNERS does not let it sign"),
        ("valid-before=\"20200101\"", "VERIFY_SIGNERS does not let it sign"),
        ("valid-after=\"20900101\"", "VERIFY_SIGNERS does not let it sign"),
    ] {
        story.allow("alice@example.org", options);
        let why = story.place.stalled();
        assert!(why.contains(word) && why.contains(&story.fingerprint("alice")), "{options}: {why}");
    }
    std::fs::remove_file(story.place.path("signers")).unwrap();
    let why = story.place.stalled();
    assert!(why.contains("cannot read") && why.contains("VERIFY_SIGNERS names"), "{why}");
    story.allow("alice@example.org,*@other.example", "valid-after=\"20200101\",namespaces=\"git,file\"");
    assert_eq!(story.place.applied()["signer"]["name"], "alice@example.org");
}

#[test]
fn a_rewind_waits_for_a_word_and_a_word_does_not_replace_a_signature() {
    let Some(story) = Ssh::new("head") else { return };
    let first = story.commit("1", "alice");
    story.commit("2", "alice");
    story.place.applied();
    story.in_repo(&["reset", "-q", "--hard", &first]);
    let (code, report) = story.place.once();
    assert_eq!((code, report["outcome"].as_str()), (Some(4), Some("guarded")), "{report}");
    assert!(report["error"].as_str().unwrap().contains("REWIND=refuse"), "{report}");
    let unsigned = story.place.commit("3", &[], &["--no-gpg-sign"]);
    let (code, _) = story.place.verb(&["confirm", &unsigned, "-o", "json"]);
    assert_eq!(code, Some(5));
    assert_eq!(story.place.served().as_deref(), Some("Version 2."));
}

#[test]
fn every_commit_in_between_is_verified_where_that_is_asked_for() {
    let Some(mut story) = Ssh::new("range") else { return };
    // Before the first commit that is followed nobody had to sign.
    story.place.commit("0", &[], &["--no-gpg-sign"]);
    story.commit("1", "alice");
    story.place.applied();
    story.commit("2", "alice");
    story.commit("3", "alice");
    story.place.applied();
    let slipped = story.place.commit("4", &[], &["--no-gpg-sign"]);
    story.commit("5", "alice");
    let why = story.place.stalled();
    assert!(why.contains(&slipped) && why.contains("not signed by anybody"), "{why}");
    story.place.set("VERIFY_MODE", "head");
    story.place.applied();
    assert_eq!(story.place.served().as_deref(), Some("Version 5."));
}

#[test]
fn a_tag_is_vouched_for_by_its_own_signature_and_only_under_its_own_name() {
    let Some(mut story) = Ssh::new("head") else { return };
    story.place.commit("1", &[], &["--no-gpg-sign"]);
    story.tag("v1.0.0", "alice");
    story.place.set("SKILLS_REF", "semver:^1");
    assert_eq!(story.place.applied()["signer"]["name"], "alice@example.org");
    story.place.commit("2", &[], &["--no-gpg-sign"]);
    story.tag("v1.1.0", "alice");
    story.place.applied();
    // The old tag under a new name: what it vouches for is older.
    let old = story.in_repo(&["rev-parse", "refs/tags/v1.0.0"]);
    story.in_repo(&["update-ref", "refs/tags/v1.9.0", &old]);
    let why = story.place.stalled();
    assert!(why.contains("calls itself `v1.0.0`"), "{why}");
    story.in_repo(&["update-ref", "-d", "refs/tags/v1.9.0"]);
    story.in_repo(&["tag", "-a", "-m", "x", "v1.2.0"]);
    let why = story.place.stalled();
    assert!(why.contains("the tag v1.2.0") && why.contains("git tag -s"), "{why}");
    // One without an object of its own is the commit, and that is not signed.
    story.in_repo(&["tag", "-d", "v1.2.0"]);
    story.in_repo(&["tag", "v1.3.0"]);
    assert!(story.place.stalled().contains("not signed by anybody"));
    let (code, report) = story.place.verb(&["rollback", "HEAD~1", "-o", "json"]);
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(report["signer"]["name"], "alice@example.org");
    assert_eq!(story.place.served().as_deref(), Some("Version 1."));
}

#[test]
fn a_moved_version_waits_for_a_word() {
    let Some(mut story) = Ssh::new("head") else { return };
    story.commit("1", "alice");
    story.tag("v1.0.0", "alice");
    story.place.set("SKILLS_REF", "semver:*");
    story.place.applied();
    story.commit("2", "alice");
    story.in_repo(&["tag", "-d", "v1.0.0"]);
    story.tag("v1.0.0", "alice");
    let (code, report) = story.place.once();
    assert_eq!((code, report["outcome"].as_str()), (Some(4), Some("guarded")), "{report}");
    assert!(report["error"].as_str().unwrap().contains("refs/tags/v1.0.0 was moved away"), "{report}");
}

/// A place with an OpenPGP key for each name, made in 2020; its agent ends with this value.
struct Pgp {
    place: Place,
}

impl Pgp {
    fn new() -> Option<Self> {
        if !has(&["git", "gpg", "gpgv", "gpgconf"]) {
            return None;
        }
        let place = Place::new().with("VERIFY", "pgp").with("VERIFY_KEYRING", "keyring");
        let story = Self { place };
        // Keys are made and used in 2020, so that one of a year has expired since.
        for (program, time) in [("gpg-making", "20200601T000000"), ("gpg-signing", "20200701T000000")] {
            let then = format!("#!/bin/sh\nexec gpg --batch --quiet --faked-system-time {time} \"$@\"\n");
            rustix::fs::chmod(story.place.write(program, then), rustix::fs::Mode::RWXU).unwrap();
        }
        for (name, lasting) in
            [("alice", "never"), ("expired", "1y"), ("revoked", "never"), ("mallory", "never")]
        {
            // Read by a shell: a child that another test has just forked may still hold it open to write,
            // and what is open to write cannot be executed.
            let mut gpg = story.place.program("sh");
            let user = format!("{name} <{name}@example.org>");
            gpg.args([
                "gpg-making",
                "--passphrase",
                "",
                "--quick-gen-key",
                &user,
                "ed25519",
                "sign",
                lasting,
            ]);
            story.place.must(&mut gpg);
        }
        Some(story)
    }

    fn gpg(&self, arguments: &[&str]) -> String {
        let mut gpg = self.place.program("gpg");
        self.place.must(gpg.args(["--batch", "--quiet"]).args(arguments))
    }

    fn fingerprint(&self, name: &str) -> String {
        let told = self.gpg(&["--with-colons", "--list-keys", &format!("{name}@example.org")]);
        let line = told.lines().find(|line| line.starts_with("fpr:")).unwrap();
        line.split(':').nth(9).unwrap().to_owned()
    }

    /// Takes the public keys of these into the keyring.
    fn keyring(&self, arguments: &[&str], names: &[&str]) {
        let users: Vec<String> = names.iter().map(|name| format!("{name}@example.org")).collect();
        let mut gpg = self.place.program("gpg");
        let output =
            gpg.args(["--batch", "--quiet"]).args(arguments).arg("--export").args(users).output().unwrap();
        assert!(output.status.success());
        self.place.write("keyring", output.stdout);
    }

    fn config(&self, signer: &str) -> [String; 2] {
        let program = self.place.path("gpg-signing");
        [
            format!("gpg.program={}", program.display()),
            format!("user.signingkey={}", self.fingerprint(signer)),
        ]
    }

    fn commit(&self, version: &str, signer: &str) -> String {
        self.place.commit(version, &self.config(signer).each_ref().map(String::as_str), &["-S"])
    }
}

impl Drop for Pgp {
    fn drop(&mut self) {
        let _ = self.place.program("gpgconf").args(["--kill", "all"]).status();
    }
}

#[test]
fn a_pgp_key_counts_unless_it_is_unknown_expired_or_revoked() {
    let Some(story) = Pgp::new() else { return };
    story.keyring(&["--armor"], &["alice", "expired", "revoked"]);
    story.commit("1", "alice");
    let report = story.place.applied();
    assert_eq!(report["signer"]["name"], "alice <alice@example.org>");
    assert_eq!(report["signer"]["key"], story.fingerprint("alice").as_str());

    story.commit("2", "mallory");
    let why = story.place.stalled();
    assert!(why.contains("VERIFY_KEYRING does not have it"), "{why}");
    story.commit("3", "expired");
    let why = story.place.stalled();
    assert!(why.contains("expired@example.org") && why.contains("the key has expired"), "{why}");
    story.commit("4", "revoked");
    story.place.applied();
    story.commit("5", "revoked");
    let certificate =
        story.place.path(&format!("gnupg/openpgp-revocs.d/{}.rev", story.fingerprint("revoked")));
    let text = std::fs::read_to_string(certificate).unwrap().replace(":-----BEGIN", "-----BEGIN");
    let certificate = story.place.write("revocation", text);
    story.gpg(&["--import", certificate.to_str().unwrap()]);
    story.keyring(&[], &["alice", "expired", "revoked"]);
    let why = story.place.stalled();
    assert!(why.contains("revoked@example.org") && why.contains("the key was revoked"), "{why}");
    assert_eq!(story.place.served().as_deref(), Some("Version 4."));

    story.place.write("keyring", "this is no key\n");
    let why = story.place.stalled();
    assert!(why.contains("holds no OpenPGP key"), "{why}");
}

#[test]
fn a_tag_signed_by_gpg_counts_and_a_form_that_is_not_asked_for_does_not() {
    if !has(&["ssh-keygen"]) {
        return;
    }
    let Some(mut story) = Pgp::new() else { return };
    story.keyring(&["--armor"], &["alice"]);
    story.place.commit("1", &[], &["--no-gpg-sign"]);
    let repo = story.place.path("repo");
    let [program, key] = story.config("alice");
    let repo = repo.to_str().unwrap();
    story.place.git(&["-C", repo, "-c", &program, "-c", &key, "tag", "-s", "-m", "one", "v1"]);
    story.place.set("SKILLS_REF", "v1");
    assert_eq!(story.place.applied()["signer"]["name"], "alice <alice@example.org>");
    let signers = story.place.write("signers", "");
    story.place.set("VERIFY", "ssh");
    story.place.set("VERIFY_SIGNERS", signers.to_str().unwrap());
    let why = story.place.stalled();
    assert!(why.contains("is signed by OpenPGP, and VERIFY does not take that"), "{why}");

    story.place.set("VERIFY", "any");
    assert_eq!(story.place.once().0, Some(0), "OpenPGP is one of any");
    story.place.must(story.place.program("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", "bob"]));
    let key = std::fs::read_to_string(story.place.path("bob.pub")).unwrap();
    story.place.write("signers", format!("bob@example.org {key}"));
    let config = by_ssh(story.place.path("bob").to_str().unwrap());
    story.place.commit("2", &config.each_ref().map(String::as_str), &["-S"]);
    story.place.set("SKILLS_REF", "main");
    assert_eq!(story.place.applied()["signer"]["name"], "bob@example.org", "and so is SSH");
}

#[test]
fn a_commit_that_was_changed_after_it_was_signed_is_told() {
    let Some(story) = Pgp::new() else { return };
    story.keyring(&["--armor"], &["alice"]);
    let commit = story.commit("1", "alice");
    let repo = story.place.path("repo");
    let repo = repo.to_str().unwrap();
    let text = story.place.git(&["-C", repo, "cat-file", "commit", &commit]);
    let forged = story.place.write("forged", text.replace("author Author", "author Mallory") + "\n");
    let forged =
        story.place.git(&["-C", repo, "hash-object", "-t", "commit", "-w", forged.to_str().unwrap()]);
    story.place.git(&["-C", repo, "update-ref", "refs/heads/main", &forged]);
    let why = story.place.stalled();
    assert!(why.contains("alice@example.org") && why.contains("changed after it was signed"), "{why}");
}
