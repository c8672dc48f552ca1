//! A GitHub App: against a server that checks its signature, and a real git server that takes its token.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use reconciler::report::Remedy;
use reconciler::source::{AppError, Credentials, GithubApp, Secret, SourceError};

use crate::world::{Backend, Listener, Upstream, World, skip};

/// Longer than tokens used to be.
const LONG: usize = 520;

struct Forge {
    world: World,
    key: PathBuf,
    git: Backend,
    token: String,
}

impl Forge {
    fn start() -> Option<Self> {
        let world = World::new();
        Upstream::new(&world.dir.path().join("git/private/skills.git")).push("main", "one");
        let key = make_key(world.dir.path(), "app")?;
        let token = format!("ghs_{}", "x".repeat(LONG));
        let git = Backend::serve(&world, &["--user", &format!("x-access-token:{token}")])?;
        Some(Self { world, key, git, token })
    }

    fn log(&self) -> PathBuf {
        self.world.dir.path().join("api.log")
    }

    /// How many tokens were given, and refused.
    fn answered(&self) -> Vec<String> {
        std::fs::read_to_string(self.log()).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    fn api(&self, arguments: &[&str]) -> Listener {
        let public = self.key.with_extension("pub");
        let (public, log) = (public.to_str().unwrap().to_owned(), self.log().to_str().unwrap().to_owned());
        let mut all = vec!["--app", "12", "--installation", "34", "--public-key", &public, "--log", &log];
        all.extend(["--token", &self.token]);
        all.extend(arguments);
        Listener::start("github-api", &all)
    }

    fn ours(&self, api: &Listener, installation: &str, key: &Path) -> World {
        let mut ours = World::new().url(format!("{}/private/skills.git", self.git.url));
        let api = format!("{}/api/v3/", api.url).parse().unwrap();
        let key = Secret::File(key.to_owned());
        ours.source.credentials =
            Credentials::App(GithubApp::new("12".into(), installation.into(), key, api));
        ours
    }
}

/// A private key as GitHub gives it, and its public half beside it.
fn make_key(dir: &Path, name: &str) -> Option<PathBuf> {
    let path = dir.join(format!("{name}.pem"));
    let public = path.with_extension("pub");
    let key =
        Command::new("openssl").args(["genrsa", "-traditional", "-out"]).arg(&path).arg("2048").output();
    let made = key.is_ok_and(|key| key.status.success())
        && Command::new("openssl")
            .args(["rsa", "-pubout", "-in"])
            .arg(&path)
            .arg("-out")
            .arg(&public)
            .output()
            .is_ok_and(|done| done.status.success());
    if !made {
        skip("a GitHub App, because there is no openssl to make its key");
        return None;
    }
    Some(path)
}

fn app_error(world: &World) -> (AppError, Remedy) {
    let error = world.fetch().unwrap_err();
    let remedy = error.remedy();
    match error {
        SourceError::App { source, .. } => (source, remedy),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_is_asked_for_once_and_again_when_it_nears_its_end() {
    let Some(forge) = Forge::start() else { return };
    let api = forge.api(&[]);
    let ours = forge.ours(&api, "34", &forge.key);
    ours.fetched();
    ours.fetched();
    let again = ours.source.clone();
    assert_eq!(forge.answered(), ["201"]);
    assert_eq!(again.credentials, ours.source.credentials);
    // Less than five minutes before its end it is not used any more.
    let short = forge.api(&["--lives", "299"]);
    let ours = forge.ours(&short, "34", &forge.key);
    ours.fetched();
    ours.fetched();
    assert_eq!(forge.answered(), ["201", "201", "201"]);
}

#[test]
fn a_key_an_installation_and_a_limit_have_their_own_words() {
    let Some(forge) = Forge::start() else { return };
    let api = forge.api(&[]);
    let Some(other) = make_key(forge.world.dir.path(), "other") else { return };
    let (refused, remedy) = app_error(&forge.ours(&api, "34", &other));
    assert!(matches!(refused, AppError::Refused { .. }) && remedy == Remedy::Person, "{refused}");
    assert!(refused.to_string().contains("could not be decoded"), "{refused}");
    let (missing, remedy) = app_error(&forge.ours(&api, "35", &forge.key));
    assert!(matches!(missing, AppError::NoInstallation { .. }) && remedy == Remedy::Person, "{missing}");
    assert!(missing.to_string().contains("GITHUB_APP_INSTALLATION_ID"), "{missing}");

    let no_key = forge.world.dir.path().join("no-key");
    std::fs::write(&no_key, "this is no key").unwrap();
    let (no_key, remedy) = app_error(&forge.ours(&api, "34", &no_key));
    assert!(matches!(no_key, AppError::Key) && remedy == Remedy::Person, "{no_key}");
    let (absent, _) = app_error(&forge.ours(&api, "34", Path::new("/nowhere/key.pem")));
    assert!(matches!(absent, AppError::Secret(_)), "{absent}");

    let limited = forge.api(&["--limited", "77"]);
    let (limit, remedy) = app_error(&forge.ours(&limited, "34", &forge.key));
    assert!(limit.to_string().contains("secondary rate limit"), "{limit}");
    assert_eq!(remedy, Remedy::Retry(Some(Duration::from_secs(77))));
    let gone = forge.ours(&limited, "34", &forge.key);
    drop(limited);
    let (gone, remedy) = app_error(&gone);
    assert!(matches!(gone, AppError::Unreachable { .. }) && remedy == Remedy::Retry(None), "{gone}");
}

#[test]
fn a_rotated_key_is_taken_without_a_restart() {
    let Some(forge) = Forge::start() else { return };
    let api = forge.api(&[]);
    let Some(other) = make_key(forge.world.dir.path(), "other") else { return };
    let used = forge.world.dir.path().join("used");
    std::fs::copy(&other, &used).unwrap();
    let ours = forge.ours(&api, "34", &used);
    assert!(matches!(app_error(&ours).0, AppError::Refused { .. }));
    std::fs::copy(&forge.key, &used).unwrap();
    ours.fetched();
}
