use super::*;

const REPOSITORY: (&str, &str) = ("SKILLS_REPO", "https://git.example/skills");

fn ambient(variables: &[(&str, &str)]) -> Ambient {
    Ambient {
        variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        directory: PathBuf::from("/here"),
        host_name: "host-7".to_owned(),
    }
}

fn read(variables: &[(&str, &str)]) -> Result<(Settings, Vec<Warning>), Problems> {
    load(&ambient(variables), &Flags::default(), Demand::default(), Vec::new())
}

fn good(variables: &[(&str, &str)]) -> Settings {
    read(variables).expect("these settings are right").0
}

fn bad(variables: &[(&str, &str)]) -> String {
    read(variables).expect_err("these settings are wrong").to_string()
}

fn warnings(variables: &[(&str, &str)]) -> Vec<String> {
    read(variables).expect("these settings are right").1.iter().map(ToString::to_string).collect()
}

#[test]
fn every_default_of_the_table_is_taken_by_its_own_parser() {
    let defaults: Vec<(&str, &str)> =
        SETTINGS.iter().filter_map(|setting| Some((setting.variable, setting.default?))).collect();
    let (given, unset) = (good(&defaults), good(&[]));
    assert_eq!(given, unset);
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let settings = good(&[]);
    assert_eq!(settings.target, PathBuf::from("/data/skills"));
    assert_eq!(settings.state, None);
    assert_eq!(settings.environment, "host-7");
    assert_eq!(settings.timing.poll_interval, Duration::from_secs(300));
    assert_eq!(settings.timing.recheck_interval, Duration::from_secs(3600));
    assert_eq!(settings.timing.fetch_timeout, Duration::from_secs(120));
    assert_eq!(settings.timing.clone_timeout, Duration::from_secs(1800));
    assert_eq!(settings.timing.lock_wait, Duration::from_secs(120));
    assert_eq!(settings.timing.pass_timeout, Duration::from_secs(600));
    assert_eq!(settings.timing.drift_keep, Duration::from_secs(90 * 86_400));
    assert_eq!(settings.limits.max_repo_bytes, 10 << 30);
    assert_eq!(settings.limits.max_object_bytes, reconciler::source::Limits::default().max_object_bytes);
    assert_eq!(settings.limits.max_fetch_memory, 2 << 30);
    assert_eq!(settings.limits.drift_max_bytes, 1 << 30);
    assert_eq!(settings.rules.prune_limit, PruneLimit(50));
    assert_eq!(settings.rules.scan_block, Some(Severity::Critical));
    assert_eq!(settings.http.host, IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    assert_eq!(settings.http.port, 3000);
    assert_eq!(settings.log.level, "info");
    assert!(!settings.require_mount && !settings.rules.strict && !settings.rules.adopt);
}

/// Each setting with values that are taken and one that is not, and what its error must say.
#[test]
fn every_setting_refuses_what_it_cannot_be_and_says_what_it_expects() {
    let cases: &[(&str, &[&str], &str, &str)] = &[
        (
            "SKILLS_REPO",
            &["https://h/x", "git@h:x", "./x"],
            "ftp://h/x",
            "is not a repository that can be followed",
        ),
        ("SKILLS_REF", &["main", "refs/tags/v1", "v1.2"], "a..b", "is not a reference that can be followed"),
        ("SKILLS_PATH", &["skills", "./a/b/", "."], "../x", "a directory of the repository"),
        ("SKILLS_PATH", &[], "/etc", "the path is absolute"),
        ("SKILLS_INCLUDE", &["a/**,*.md", "{a,b}/*"], "a[", "globs separated by commas"),
        ("SKILLS_EXCLUDE", &["x"], "{a", "globs separated by commas"),
        ("POLL_INTERVAL", &["1s", "1h30m"], "999ms", "a duration of `1s` or more"),
        ("RECHECK_INTERVAL", &["10m"], "often", "a duration of `1s` or more"),
        ("FETCH_TIMEOUT", &["90s", "500ms"], "0s", "a duration above zero"),
        ("CLONE_TIMEOUT", &["1h"], "30", "a duration above zero"),
        ("LOCK_WAIT", &["0", "0s", "2m"], "-1s", "a duration, `0` or such as"),
        ("PASS_TIMEOUT", &["10m"], "x", "a duration above zero"),
        ("MAX_REPO_BYTES", &["10GiB", "64MB", "1000", "5 kib"], "10XB", "a size above zero"),
        ("MAX_OBJECT_BYTES", &["32MiB", "1GiB"], "0", "a size above zero"),
        ("MAX_FETCH_MEMORY", &["512MiB", "2GiB"], "much", "a size above zero"),
        ("DRIFT_MAX_BYTES", &["1k"], "99999999999TiB", "a size above zero"),
        ("DRIFT_KEEP", &["90d"], "ninety days", "a duration above zero"),
        ("AUDIT_KEEP", &["365d"], "for ever", "a duration above zero"),
        ("REQUIRE_MOUNT", &["true", "0", "off"], "maybe", "`true` or `false`"),
        ("STRICT", &["TRUE"], "2", "`true` or `false`"),
        ("ADOPT", &["yes"], "y", "`true` or `false`"),
        ("INSECURE_HTTP", &["false"], "http", "`true` or `false`"),
        ("HOLD", &["skill", "revision"], "all", "`skill` or `revision`"),
        ("LAYOUT", &["mirror", "folder"], "flat", "`mirror` or `folder`"),
        ("PRUNE_LIMIT", &["50%", "0", "100%"], "101%", "a share from `0%` to `100%`"),
        ("REWIND", &["accept", "refuse"], "reject", "`accept` or `refuse`"),
        ("VERIFY", &["none"], "yes", "`none`, `ssh`, `pgp` or `any`"),
        ("VERIFY_MODE", &["head", "range"], "all", "`head` or `range`"),
        ("SSH_AGENT", &["false"], "maybe", "`true` or `false`"),
        ("GITHUB_APP_ID", &[], "a/b", "an id such as `123456`"),
        ("SCAN_BLOCK", &["critical", "none"], "all", "`critical`, `high`, `medium`, `low` or `none`"),
        ("ON_CONDEMNED", &["keep", "remove"], "drop", "`keep` or `remove`"),
        ("UNOWNED", &["keep", "quarantine"], "remove", "`keep` or `quarantine`"),
        ("GITHUB_WEBHOOK_SECRET", &["0123456789abcdef"], "short", "one or two secrets"),
        ("NEO4J_URI", &["neo4j://h:7687", "bolt+s://h"], "http://h", "a URI such as `neo4j://host:7687`"),
        ("FORGE", &["github", "forgejo"], "gogs", "`gitlab` or `bitbucket`"),
        ("FORGE_API", &["https://h/api/v1", "http://127.0.0.1:1/x"], "http://h/api", "INSECURE_HTTP"),
        ("COMMIT_STATUS", &["false"], "maybe", "`true` or `false`"),
        ("NOTIFY_URL", &["https://h/x"], "http://h/s3cret", "https://"),
        ("NOTIFY_FORMAT", &["json", "slack", "discord"], "teams", "`json`, `slack` or `discord`"),
        ("ON_APPLIED_TIMEOUT", &["90s"], "0s", "a duration above zero"),
        ("HOST", &["::", "127.0.0.1", "[::1]"], "localhost", "an IP address"),
        ("SKILL_SYNC_PORT", &["0", "65535"], "65536", "a port from `0` to `65535`"),
        ("CHILD_USER", &["1000:1000"], "node", "`UID:GID` in numbers"),
        ("CHILD_ENV", &["A,B_2"], "A B", "names of variables"),
        ("LOG_FORMAT", &["text", "json"], "xml", "`text` or `json`"),
        ("LOG_LEVEL", &["warn", "INFO", "info,reconciler=debug"], "inof", "directives such as"),
        ("LOG_LEVEL", &[], "reconciler=loud", "directives such as"),
    ];
    for (variable, taken, refused, expected) in cases {
        for value in *taken {
            good(&[(variable, value)]);
        }
        let error = bad(&[(variable, refused)]);
        assert!(error.starts_with(&format!("{variable}: ")) && error.contains(expected), "{error}");
        let secret = table::find(variable).is_some_and(|setting| setting.kind == Kind::Secret);
        assert_eq!(error.contains(&format!("`{refused}`")), !secret, "{error}");
    }
}

#[test]
fn a_commit_status_that_could_never_be_set_stops_the_start() {
    let on = ("COMMIT_STATUS", "true");
    let error = bad(&[("SKILLS_REPO", "https://git.example/o/r"), on]);
    assert!(error.starts_with("COMMIT_STATUS: which forge is at git.example"), "{error}");
    let error = bad(&[("SKILLS_REPO", "https://github.com/o/r"), on]);
    assert!(error.contains("FORGE_TOKEN: not set") && error.contains("Commit statuses"), "{error}");
    let error = bad(&[("SKILLS_REPO", "/srv/skills"), on, ("FORGE_TOKEN", "t")]);
    assert!(error.contains("no forge knows it"), "{error}");
    good(&[("SKILLS_REPO", "https://github.com/o/r"), on, ("FORGE_TOKEN", "t")]);
}

#[test]
fn the_command_after_a_pass_sees_what_is_named_for_it() {
    let settings =
        good(&[("ON_APPLIED", "/bin/tell  now"), ("APPLIED_KEY", "k"), ("PATH", "/bin"), ("HOME", "/")]);
    let command = settings.on_applied.expect("a command");
    assert_eq!(command.command, ["/bin/tell", "now"]);
    let names: Vec<_> =
        command.environment.iter().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    assert_eq!(names, ["APPLIED_KEY", "PATH"]);
    assert_eq!(command.timeout, Duration::from_secs(60));
    assert_eq!(format!("{command:?}"), "OnApplied { program: Some(\"/bin/tell\"), .. }");
}

#[test]
fn everything_wrong_is_named_at_once() {
    let flags = Flags([("HOLD", OsString::from("nothing"))].into());
    let variables = [("POLL_INTERVAL", "soon"), ("SKILLS_PATH", "/x")];
    let demand = Demand { repository: true, command: false };
    let unknown = Problem::UnknownFlag { flag: "--bogus".to_owned(), similar: None };
    let problems = load(&ambient(&variables), &flags, demand, vec![unknown]).expect_err("four are wrong");
    let text = problems.to_string();
    assert_eq!(problems.0.len(), 5, "{text}");
    for name in
        ["--hold: `nothing`", "POLL_INTERVAL: `soon`", "SKILLS_PATH: ", "SKILLS_REPO: not set", "--bogus"]
    {
        assert!(text.contains(name), "{name} in {text}");
    }
}

#[test]
fn the_flag_wins_and_an_empty_value_is_an_unset_one() {
    let flags = Flags([("SKILLS_DIR", OsString::from("mine")), ("HOLD", OsString::new())].into());
    let variables = [("SKILLS_DIR", "/theirs"), ("HOLD", "revision"), ("LAYOUT", "")];
    let loaded = load(&ambient(&variables), &flags, Demand::default(), Vec::new());
    let settings = loaded.expect("these settings are right").0;
    assert_eq!(settings.target, PathBuf::from("/here/mine"));
    assert_eq!(settings.rules.hold, Hold::Revision);
    assert_eq!(settings.rules.layout, Layout::Mirror);
}

#[test]
fn a_value_that_is_not_utf_8_is_refused_by_name() {
    use std::os::unix::ffi::OsStringExt as _;
    let mut ambient = ambient(&[]);
    ambient.variables.push(("SKILLS_REF".into(), OsString::from_vec(vec![0xff])));
    let error = load(&ambient, &Flags::default(), Demand::default(), Vec::new()).expect_err("it is no text");
    assert_eq!(error.to_string(), "SKILLS_REF: the value is not UTF-8");
}

#[test]
fn the_repository_is_required_only_where_it_is_used() {
    assert_eq!(good(&[]).repository, None);
    let demand = Demand { repository: true, command: false };
    let missing = load(&ambient(&[]), &Flags::default(), demand, Vec::new()).expect_err("not set");
    assert_eq!(missing.to_string(), "SKILLS_REPO: not set, and required; set it, or give --repo URL");
    let given = load(&ambient(&[REPOSITORY]), &Flags::default(), demand, Vec::new());
    let url = given.expect("it is set").0.repository.expect("it is set");
    assert_eq!(url.to_string(), REPOSITORY.1);
    let local = good(&[("SKILLS_REPO", "./skills")]).repository.expect("it is set");
    assert_eq!(local.to_string(), "/here/skills");
}

#[test]
fn a_credential_in_an_address_is_refused_without_being_shown() {
    for address in ["https://user:hunter2@git.example/x", "htps://hunter2@git.example/x"] {
        let error = bad(&[("SKILLS_REPO", address)]);
        assert!(!error.contains("hunter2") && error.contains("not shown"), "{error}");
    }
}

#[test]
fn a_secret_is_given_in_a_variable_or_in_a_file_but_not_in_both() {
    let named: Vec<&str> = SETTINGS
        .iter()
        .filter(|setting| setting.kind == Kind::Secret)
        .map(|setting| setting.variable)
        .collect();
    assert_eq!(
        named,
        [
            "GITHUB_TOKEN",
            "GIT_PASSWORD",
            "GITHUB_APP_PRIVATE_KEY",
            "SSH_KEY_PASSPHRASE",
            "GITHUB_WEBHOOK_SECRET",
            "FORGE_TOKEN",
            "NOTIFY_URL",
            "API_TOKEN",
            "NEO4J_PASSWORD"
        ]
    );
    for variable in named {
        let file = format!("{variable}_FILE");
        let error = bad(&[(variable, "0123456789abcdef"), (&file, "/run/x"), ("GIT_USERNAME", "")]);
        assert!(error.contains(&format!("{variable} and {file}: both are set")), "{error}");
    }
    let token = good(&[("API_TOKEN_FILE", "run/token")]).http.api_token;
    let path = PathBuf::from("/here/run/token");
    assert_eq!(token, Some(Secret::File { variable: "API_TOKEN_FILE".to_owned(), path }));
}

#[test]
fn credentials_are_a_token_or_a_user_with_a_password() {
    let token = reconciler::source::Secret::Value("t".to_owned());
    assert_eq!(good(&[("GITHUB_TOKEN", "t")]).credentials, Credentials::Token(token.clone()));
    let basic = Credentials::Basic { username: "u".to_owned(), password: token };
    assert_eq!(good(&[("GIT_USERNAME", "u"), ("GIT_PASSWORD", "t")]).credentials, basic);
    assert!(bad(&[("GIT_USERNAME", "u")]).contains("set both"));
    assert!(bad(&[("GIT_PASSWORD", "p")]).contains("set both"));
    assert!(bad(&[("GITHUB_TOKEN", "t"), ("GIT_USERNAME", "u")]).contains("not both"));
}

#[test]
fn no_secret_is_in_debug_or_in_an_error() {
    let secrets = [
        ("GITHUB_TOKEN", "hunter2-token"),
        ("API_TOKEN", "hunter2-api"),
        ("GITHUB_WEBHOOK_SECRET", "hunter2-webhook-secret"),
        ("NEO4J_URI", "neo4j://h"),
        ("NEO4J_PASSWORD", "hunter2-neo4j"),
    ];
    assert!(!format!("{:?}", good(&secrets)).contains("hunter2"));
    assert!(!bad(&[("GITHUB_WEBHOOK_SECRET", "hunter2")]).contains("hunter2"));
}

#[test]
fn the_port_is_ours_then_the_platforms_and_never_that_of_a_command() {
    assert_eq!(good(&[("PORT", "8080")]).http.port, 8080);
    assert_eq!(good(&[("PORT", "8080"), ("SKILL_SYNC_PORT", "9")]).http.port, 9);
    assert!(bad(&[("PORT", "tcp://10.0.0.1:80")]).starts_with("PORT: "));
    let demand = Demand { repository: false, command: true };
    let with_command = load(&ambient(&[("PORT", "8080")]), &Flags::default(), demand, Vec::new());
    assert_eq!(with_command.expect("these settings are right").0.http.port, 3000);
}

#[test]
fn railway_names_the_environment_and_has_a_volume() {
    let railway = [("RAILWAY_ENVIRONMENT_NAME", "prod"), ("RAILWAY_VOLUME_MOUNT_PATH", "/data")];
    let settings = good(&railway);
    assert_eq!(settings.environment, "prod");
    assert!(settings.require_mount);
    let named = [railway[0], railway[1], ("ENVIRONMENT_NAME", "mine"), ("REQUIRE_MOUNT", "false")];
    assert_eq!(good(&named).environment, "mine");
    assert!(!good(&named).require_mount);
}

#[test]
fn unknown_variables_with_our_prefixes_are_warned_of() {
    let unknown = [("SKILLS_REPOS", "x"), ("SKILL_SYNC_HOME", "x"), ("OTHER", "x"), REPOSITORY];
    assert_eq!(
        warnings(&unknown),
        [
            "SKILLS_REPOS is set, but there is no such setting; did you mean SKILLS_REPO?",
            "SKILL_SYNC_HOME is set, but there is no such setting",
        ]
    );
}

#[test]
fn an_agent_is_used_only_where_it_is_wanted_and_there() {
    let socket = ("SSH_AUTH_SOCK", "/run/agent");
    assert_eq!(good(&[socket]).ssh.agent, None);
    assert_eq!(good(&[socket, ("SSH_AGENT", "true")]).ssh.agent, Some(PathBuf::from("/run/agent")));
    assert!(bad(&[("SSH_AGENT", "true")]).contains("SSH_AUTH_SOCK does not say where it is"));
    for path in ["/a\"b", "/a\\b", "/${HOME}/key"] {
        assert!(bad(&[("SSH_KEY", path)]).contains("a file whose path ssh can be told"), "{path}");
    }
}

#[test]
fn an_app_is_whole_and_stands_alone() {
    let key =
        ("GITHUB_APP_PRIVATE_KEY", "-----BEGIN RSA PRIVATE KEY-----\\nAAAA\\n-----END RSA PRIVATE KEY-----");
    let app = [("GITHUB_APP_ID", "12"), ("GITHUB_APP_INSTALLATION_ID", "34"), key];
    assert!(matches!(good(&app).credentials, Credentials::App(_)));
    assert!(bad(&app[..2]).contains("set all three"));
    assert!(bad(&[app[0], app[1], app[2], ("GITHUB_TOKEN", "t")]).contains("not both"));
    assert!(!bad(&[("GITHUB_APP_PRIVATE_KEY", "hunter2")]).contains("hunter2"));
    let enterprise = ("SKILLS_REPO", "http://ghe.example/o/r");
    let error = bad(&[app[0], app[1], app[2], enterprise]);
    assert!(
        error.starts_with("GITHUB_APP_ID: the API at http://ghe.example/api/v3 is not encrypted"),
        "{error}"
    );
    good(&[app[0], app[1], app[2], enterprise, ("FORGE_API", "http://127.0.0.1:3000/api/v3")]);
}

#[test]
fn the_tokens_of_an_app_come_from_where_github_has_its_api_or_from_what_is_set() {
    let api = |settings: &Settings| {
        let address = settings.forge.github_api(settings.repository.as_ref(), false).expect("an API");
        address.expose().to_owned()
    };
    let of = |repository: &str| api(&good(&[("SKILLS_REPO", repository)]));
    assert_eq!(of("https://github.com/o/r"), "https://api.github.com");
    assert_eq!(of("git@github.com:o/r"), "https://api.github.com");
    assert_eq!(of("https://ghe.example/o/r.git"), "https://ghe.example/api/v3");
    assert_eq!(of("/srv/skills"), "https://api.github.com");
    let set = good(&[("SKILLS_REPO", "https://ghe.example/o/r"), ("FORGE_API", "https://api.ghe.example/")]);
    assert_eq!(api(&set), "https://api.ghe.example");
}

#[test]
fn the_standard_variables_name_the_proxies_and_no_password_is_repeated() {
    let settings = good(&[("HTTPS_PROXY", "http://u:hunter2@proxy:3128"), ("no_proxy", "a.example")]);
    assert!(settings.route != good(&[]).route && !format!("{settings:?}").contains("hunter2"));
    let error = bad(&[("https_proxy", "socks5://u:hunter2@proxy")]);
    assert!(
        error.contains("https_proxy") && error.contains("a proxy such as") && !error.contains("hunter2"),
        "{error}"
    );
}

#[test]
fn what_must_be_signed_wants_to_know_by_whom_and_refuses_rewinds() {
    assert_eq!(good(&[]).verify, None);
    for (word, file) in [("ssh", "VERIFY_SIGNERS"), ("pgp", "VERIFY_KEYRING")] {
        assert!(bad(&[("VERIFY", word)]).contains(&format!("set {file}")));
        assert!(good(&[("VERIFY", word), (file, "f")]).verify.is_some());
        good(&[("VERIFY", "any"), (file, "f")]);
    }
    assert!(bad(&[("VERIFY", "any")]).contains("VERIFY_KEYRING or both"));
    let rewind = |variables: &[(&str, &str)]| {
        let mut all = vec![REPOSITORY];
        all.extend(variables);
        good(&all).options(PathBuf::from("/s"), Vec::new()).expect("a repository is set").rewind
    };
    let signed = [("VERIFY", "ssh"), ("VERIFY_SIGNERS", "f")];
    assert_eq!((rewind(&[]), rewind(&signed)), (Rewind::Accept, Rewind::Refuse));
    assert_eq!(rewind(&[signed[0], signed[1], ("REWIND", "accept")]), Rewind::Accept);
}

#[test]
fn env_example_has_every_setting_with_its_default() {
    let mut text = String::from(
        "# Every setting of skill-sync with its default. Copy what you change; an empty value is an unset one.\n\
         # For each secret, NAME_FILE may name a file that holds it instead; it is read again at each use.\n",
    );
    for Setting { variable, default, otherwise, help, kind, .. } in SETTINGS {
        let secret = if *kind == Kind::Secret { " Secret." } else { "" };
        let otherwise = default.map_or_else(|| format!(" Default: {otherwise}."), |_| String::new());
        text += &format!("\n# {help}{secret}{otherwise}\n#{variable}={}\n", default.unwrap_or(""));
    }
    snapbox::assert_data_eq!(text, snapbox::file!["../../.env.example"].raw());
}

#[test]
fn a_user_to_become_may_have_a_group_and_leaves_none_for_the_agent() {
    let identity = |text| good(&[("SKILL_SYNC_UID", text)]).identity;
    assert_eq!(identity("1000"), Some(Identity { uid: 1000, gid: 1000 }));
    assert_eq!(identity("1000:50"), Some(Identity { uid: 1000, gid: 50 }));
    assert!(bad(&[("SKILL_SYNC_UID", "node")]).contains("`node` is not a user's number"));
    let both = bad(&[("SKILL_SYNC_UID", "1000"), ("CHILD_USER", "1001:1001")]);
    assert!(both.contains("SKILL_SYNC_UID and CHILD_USER: only root can start the agent"), "{both}");
}
