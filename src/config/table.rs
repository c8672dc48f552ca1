//! Every setting, once: what the flags, the help, `.env.example` and the check for unknown variables
//! are made from.

/// What the value of a setting is, as far as the command line and the environment must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A value that may be shown.
    Plain,
    /// `true` or `false`; the flag alone means `true`.
    Switch,
    /// Never shown, and never a flag (arguments are seen by every process); `X_FILE` names a file
    /// that holds it.
    Secret,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Its environment variable.
    pub variable: &'static str,
    /// Its flag without the dashes; none where the environment is the only way.
    pub flag: Option<&'static str>,
    /// What kind of value it takes.
    pub kind: Kind,
    /// The value in the help, such as `DURATION`.
    pub value: &'static str,
    /// The value where none is given, in the form in which it would be given; none where it is
    /// computed, or where there is none.
    pub default: Option<&'static str>,
    /// What holds where there is no such value, in words.
    pub otherwise: &'static str,
    /// What it means, in one sentence.
    pub help: &'static str,
}

const PLAIN: Setting = Setting {
    variable: "",
    flag: None,
    kind: Kind::Plain,
    value: "TEXT",
    default: None,
    otherwise: "none",
    help: "",
};

/// All settings, in the order in which people are shown them.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        variable: "SKILLS_REPO",
        flag: Some("repo"),
        value: "URL",
        otherwise: "none; run, once and diff need it",
        help: "The repository to follow: https://, http://, ssh://, user@host:path, file:// or a local path, \
               without credentials in it.",
        ..PLAIN
    },
    Setting {
        variable: "SKILLS_REF",
        flag: Some("ref"),
        value: "REF",
        otherwise: "the remote's HEAD",
        help: "A branch or tag, a full name (refs/...), a commit of 40 hexadecimal digits, or semver:RANGE \
               over tags.",
        ..PLAIN
    },
    Setting {
        variable: "SKILLS_PATH",
        flag: Some("path"),
        value: "PATH",
        default: Some("."),
        help: "The directory of the repository that holds the skills.",
        ..PLAIN
    },
    Setting {
        variable: "SKILLS_INCLUDE",
        flag: Some("include"),
        value: "GLOBS",
        otherwise: "all",
        help: "Only skills whose path matches one of these globs (comma-separated).",
        ..PLAIN
    },
    Setting {
        variable: "SKILLS_EXCLUDE",
        flag: Some("exclude"),
        value: "GLOBS",
        help: "No skill whose path matches one of these globs (comma-separated).",
        ..PLAIN
    },
    Setting {
        variable: "SKILLS_DIR",
        flag: Some("dir"),
        value: "DIR",
        default: Some("/data/skills"),
        help: "The directory to keep equal to the repository; created with its parents.",
        ..PLAIN
    },
    Setting {
        variable: "STATE_DIR",
        flag: Some("state-dir"),
        value: "DIR",
        otherwise: ".skill-sync beside SKILLS_DIR, or SKILLS_DIR/.skill-sync~ where that is a mount point",
        help: "Where mirror, database and lock are kept: on the file system of SKILLS_DIR.",
        ..PLAIN
    },
    Setting {
        variable: "ENVIRONMENT_NAME",
        flag: Some("environment"),
        value: "NAME",
        otherwise: "RAILWAY_ENVIRONMENT_NAME, else the host name",
        help: "The name of this target in audit, metrics and Neo4j.",
        ..PLAIN
    },
    Setting {
        variable: "POLL_INTERVAL",
        flag: Some("poll-interval"),
        value: "DURATION",
        default: Some("5m"),
        help: "How often to look without being asked, 1s or more; jittered by 10 %.",
        ..PLAIN
    },
    Setting {
        variable: "RECHECK_INTERVAL",
        flag: Some("recheck-interval"),
        value: "DURATION",
        default: Some("1h"),
        help: "How often to read every file again instead of trusting its size and times.",
        ..PLAIN
    },
    Setting {
        variable: "FETCH_TIMEOUT",
        flag: Some("fetch-timeout"),
        value: "DURATION",
        default: Some("2m"),
        help: "The limit of a whole fetch, whatever the server does.",
        ..PLAIN
    },
    Setting {
        variable: "CLONE_TIMEOUT",
        flag: Some("clone-timeout"),
        value: "DURATION",
        default: Some("30m"),
        help: "The limit of the first fetch.",
        ..PLAIN
    },
    Setting {
        variable: "MAX_REPO_BYTES",
        flag: Some("max-repo-bytes"),
        value: "SIZE",
        default: Some("10GiB"),
        help: "The limit of the mirror: a larger repository is not fetched.",
        ..PLAIN
    },
    Setting {
        variable: "MAX_OBJECT_BYTES",
        flag: Some("max-object-bytes"),
        value: "SIZE",
        default: Some("32MiB"),
        help: "The largest commit, tag or directory that is opened: some half a million names.",
        ..PLAIN
    },
    Setting {
        variable: "MAX_FETCH_MEMORY",
        flag: Some("max-fetch-memory"),
        value: "SIZE",
        default: Some("2GiB"),
        help: "The memory of the process that fetches; a pack that takes more to read is refused.",
        ..PLAIN
    },
    Setting {
        variable: "LOCK_WAIT",
        flag: Some("lock-wait"),
        value: "DURATION",
        default: Some("2m"),
        help: "How long `run` waits for another instance to let go of the target.",
        ..PLAIN
    },
    Setting {
        variable: "PASS_TIMEOUT",
        flag: Some("pass-timeout"),
        value: "DURATION",
        default: Some("10m"),
        help: "A pass that takes longer makes /livez fail.",
        ..PLAIN
    },
    Setting {
        variable: "REQUIRE_MOUNT",
        flag: Some("require-mount"),
        kind: Kind::Switch,
        value: "BOOL",
        otherwise: "true where RAILWAY_VOLUME_MOUNT_PATH is set, else false",
        help: "Write nothing while SKILLS_DIR is on the root file system: the volume is not mounted.",
        ..PLAIN
    },
    Setting {
        variable: "HOLD",
        flag: Some("hold"),
        value: "WHAT",
        default: Some("skill"),
        help: "What an invalid skill holds back: itself (skill), or the whole commit (revision).",
        ..PLAIN
    },
    Setting {
        variable: "LAYOUT",
        flag: Some("layout"),
        value: "LAYOUT",
        default: Some("mirror"),
        help: "Skills as they lie in git (mirror), or each in a folder with a SKILL.md (folder).",
        ..PLAIN
    },
    Setting {
        variable: "STRICT",
        flag: Some("strict"),
        kind: Kind::Switch,
        value: "BOOL",
        default: Some("false"),
        help: "Hold skills that break the reference rules of the Agent Skills specification.",
        ..PLAIN
    },
    Setting {
        variable: "ADOPT",
        flag: Some("adopt"),
        kind: Kind::Switch,
        value: "BOOL",
        default: Some("false"),
        help: "Take over files that are not ours at paths that git wants; their bytes are kept.",
        ..PLAIN
    },
    Setting {
        variable: "PRUNE_LIMIT",
        flag: Some("prune-limit"),
        value: "PERCENT",
        default: Some("50%"),
        help: "A change that removes more than this share of the skills (and more than 3) waits for `confirm`.",
        ..PLAIN
    },
    Setting {
        variable: "REWIND",
        flag: Some("rewind"),
        value: "WHAT",
        otherwise: "accept; refuse with VERIFY",
        help: "A branch that no longer contains the applied commit: accept it, or refuse it until `confirm`.",
        ..PLAIN
    },
    Setting {
        variable: "SYNC_WINDOW",
        flag: Some("sync-window"),
        value: "WINDOWS",
        otherwise: "none: at any time",
        help: "When git's changes may be applied: `allow` or `deny`, a cron schedule, a time zone (else UTC) and \
               `for` how long, such as `deny 0 18 * * FRI Europe/Berlin for 60h`; several are separated by `;`.",
        ..PLAIN
    },
    Setting {
        variable: "VERIFY",
        flag: Some("verify"),
        value: "WHAT",
        default: Some("none"),
        help: "Follow only what is signed, by SSH (ssh), OpenPGP (pgp) or either (any).",
        ..PLAIN
    },
    Setting {
        variable: "VERIFY_MODE",
        flag: Some("verify-mode"),
        value: "WHAT",
        default: Some("head"),
        help: "What must be signed: the commit or tag that is followed (head), or every commit since the last \
               verified one too (range).",
        ..PLAIN
    },
    Setting {
        variable: "VERIFY_SIGNERS",
        flag: Some("verify-signers"),
        value: "FILE",
        help: "Who may sign by SSH: a file in the form of git's gpg.ssh.allowedSignersFile, read at each pass.",
        ..PLAIN
    },
    Setting {
        variable: "VERIFY_KEYRING",
        flag: Some("verify-keyring"),
        value: "FILE",
        help: "Who may sign by OpenPGP: a file of exported public keys, armored or not, read at each pass.",
        ..PLAIN
    },
    Setting {
        variable: "SCAN_BLOCK",
        flag: Some("scan-block"),
        value: "SEVERITY",
        default: Some("critical"),
        help: "The lowest severity of a security finding that holds a skill: critical, high, medium, low or \
               none.",
        ..PLAIN
    },
    Setting {
        variable: "POLICY_FILE",
        flag: Some("policy-file"),
        value: "FILE",
        help: "The operator's exceptions, severities, denials and YARA rules (TOML), read at each pass.",
        ..PLAIN
    },
    Setting {
        variable: "SCAN_JUDGE",
        flag: Some("scan-judge"),
        value: "CMD",
        help: "A program of the operator's that is shown each changed skill as JSON on stdin, and may hold it; \
               it sees PATH and the variables that begin with JUDGE_, and no shell is between.",
        ..PLAIN
    },
    Setting {
        variable: "SCAN_JUDGE_TIMEOUT",
        flag: Some("scan-judge-timeout"),
        value: "DURATION",
        default: Some("30s"),
        help: "How long SCAN_JUDGE may take for one skill.",
        ..PLAIN
    },
    Setting {
        variable: "SCAN_JUDGE_UNSURE",
        flag: Some("scan-judge-unsure"),
        value: "WHAT",
        default: Some("accept"),
        help: "A skill that SCAN_JUDGE is unsure about, or fails on: accept it, or hold it.",
        ..PLAIN
    },
    Setting {
        variable: "ON_CONDEMNED",
        flag: Some("on-condemned"),
        value: "WHAT",
        default: Some("keep"),
        help: "A served version that today's rules would hold: keep it, or remove it.",
        ..PLAIN
    },
    Setting {
        variable: "UNOWNED",
        flag: Some("unowned"),
        value: "WHAT",
        default: Some("keep"),
        help: "Skills that somebody else put on the volume: keep them, or quarantine them.",
        ..PLAIN
    },
    Setting {
        variable: "DRIFT_KEEP",
        flag: Some("drift-keep"),
        value: "DURATION",
        default: Some("90d"),
        help: "How long overwritten bytes are kept.",
        ..PLAIN
    },
    Setting {
        variable: "DRIFT_MAX_BYTES",
        flag: Some("drift-max-bytes"),
        value: "SIZE",
        default: Some("1GiB"),
        help: "How many overwritten bytes are kept; beyond it the oldest go.",
        ..PLAIN
    },
    Setting {
        variable: "AUDIT_KEEP",
        flag: Some("audit-keep"),
        value: "DURATION",
        otherwise: "for ever",
        help: "How long records of the audit are kept; older ones go, signed off by a checkpoint in the chain.",
        ..PLAIN
    },
    Setting {
        variable: "GITHUB_TOKEN",
        kind: Kind::Secret,
        value: "TOKEN",
        help: "The token for SKILLS_REPO over HTTPS; sent to its scheme, host and port only.",
        ..PLAIN
    },
    Setting {
        variable: "GIT_USERNAME",
        value: "NAME",
        help: "The user for SKILLS_REPO, together with GIT_PASSWORD, instead of GITHUB_TOKEN.",
        ..PLAIN
    },
    Setting {
        variable: "GIT_PASSWORD",
        kind: Kind::Secret,
        value: "PASSWORD",
        help: "The password of GIT_USERNAME.",
        ..PLAIN
    },
    Setting {
        variable: "GITHUB_APP_ID",
        flag: Some("github-app-id"),
        value: "ID",
        help: "The GitHub App that reads SKILLS_REPO, instead of a token: its id or client id.",
        ..PLAIN
    },
    Setting {
        variable: "GITHUB_APP_INSTALLATION_ID",
        flag: Some("github-app-installation-id"),
        value: "ID",
        help: "The installation of that App.",
        ..PLAIN
    },
    Setting {
        variable: "GITHUB_APP_PRIVATE_KEY",
        kind: Kind::Secret,
        value: "PEM",
        help: "The private key of that App, as GitHub gives it.",
        ..PLAIN
    },
    Setting {
        variable: "CA_FILE",
        flag: Some("ca-file"),
        value: "FILE",
        otherwise: "Mozilla's list, built in",
        help: "The certificate authorities (PEM) that HTTPS servers are checked by, instead of the built-in list.",
        ..PLAIN
    },
    Setting {
        variable: "INSECURE_HTTP",
        flag: Some("insecure-http"),
        kind: Kind::Switch,
        value: "BOOL",
        default: Some("false"),
        help: "Send credentials over http:// to other hosts than this one.",
        ..PLAIN
    },
    Setting {
        variable: "SSH_KEY",
        value: "FILE",
        help: "The private key for a repository over SSH: a file that only its owner may read.",
        ..PLAIN
    },
    Setting {
        variable: "SSH_KEY_PASSPHRASE",
        kind: Kind::Secret,
        value: "PASSPHRASE",
        help: "The passphrase of SSH_KEY.",
        ..PLAIN
    },
    Setting {
        variable: "SSH_KNOWN_HOSTS",
        value: "FILE",
        help: "The known hosts for a repository over SSH; a host that is not in it is refused.",
        ..PLAIN
    },
    Setting {
        variable: "SSH_AGENT",
        kind: Kind::Switch,
        value: "BOOL",
        default: Some("false"),
        help: "Show the keys of the agent that SSH_AUTH_SOCK names; with SSH_KEY only that one of them.",
        ..PLAIN
    },
    Setting {
        variable: "GITHUB_WEBHOOK_SECRET",
        kind: Kind::Secret,
        value: "SECRETS",
        otherwise: "none: the webhook answers 503",
        help: "One or two webhook secrets, a line each, 16 bytes or more; for every forge.",
        ..PLAIN
    },
    Setting {
        variable: "FORGE",
        flag: Some("forge"),
        value: "FORGE",
        otherwise: "told by the host of SKILLS_REPO",
        help: "The forge that has the repository: github, gitea, forgejo, gitlab or bitbucket.",
        ..PLAIN
    },
    Setting {
        variable: "FORGE_API",
        flag: Some("forge-api"),
        value: "URL",
        otherwise: "where this forge has it",
        help: "The base of the forge's API, such as https://git.example/api/v1: for commit statuses, webhook register, \
               and the tokens of a GitHub App.",
        ..PLAIN
    },
    Setting {
        variable: "FORGE_TOKEN",
        kind: Kind::Secret,
        value: "TOKEN",
        help: "The token for the forge's API: commit status and webhook register; never used to fetch.",
        ..PLAIN
    },
    Setting {
        variable: "COMMIT_STATUS",
        flag: Some("commit-status"),
        kind: Kind::Switch,
        value: "BOOL",
        default: Some("false"),
        help: "Shows what a pass came to beside its commit at the forge.",
        ..PLAIN
    },
    Setting {
        variable: "NOTIFY_URL",
        kind: Kind::Secret,
        value: "URL",
        help: "Where a notice is posted when a skill is held, mended or condemned, and when passes are guarded, \
               stalled or have failed for an hour.",
        ..PLAIN
    },
    Setting {
        variable: "NOTIFY_FORMAT",
        flag: Some("notify-format"),
        value: "FORMAT",
        otherwise: "told by the host of NOTIFY_URL, else json",
        help: "The form of a notice: json, slack or discord.",
        ..PLAIN
    },
    Setting {
        variable: "ON_APPLIED",
        flag: Some("on-applied"),
        value: "CMD",
        help: "A command that runs after a pass that changed something, with the pass report on stdin; it sees PATH \
               and variables that begin with APPLIED_.",
        ..PLAIN
    },
    Setting {
        variable: "ON_APPLIED_TIMEOUT",
        flag: Some("on-applied-timeout"),
        value: "DURATION",
        default: Some("1m"),
        help: "How long ON_APPLIED may take.",
        ..PLAIN
    },
    Setting {
        variable: "API_TOKEN",
        kind: Kind::Secret,
        value: "TOKEN",
        otherwise: "none: the API is for loopback and the control socket only",
        help: "The bearer token of the API.",
        ..PLAIN
    },
    Setting {
        variable: "NEO4J_URI",
        flag: Some("neo4j-uri"),
        value: "URI",
        help: "The Neo4j that the audit is projected to, such as neo4j://host:7687.",
        ..PLAIN
    },
    Setting {
        variable: "NEO4J_USER",
        flag: Some("neo4j-user"),
        value: "NAME",
        otherwise: "neo4j",
        help: "The user of Neo4j.",
        ..PLAIN
    },
    Setting {
        variable: "NEO4J_PASSWORD",
        kind: Kind::Secret,
        value: "PASSWORD",
        help: "The password of NEO4J_USER.",
        ..PLAIN
    },
    Setting {
        variable: "NEO4J_DATABASE",
        flag: Some("neo4j-database"),
        value: "NAME",
        otherwise: "the server's default",
        help: "The database of Neo4j.",
        ..PLAIN
    },
    Setting {
        variable: "NEO4J_CA",
        flag: Some("neo4j-ca"),
        value: "FILE",
        otherwise: "the system's",
        help: "The authorities (PEM) that the certificate of Neo4j must come from, with +s in NEO4J_URI.",
        ..PLAIN
    },
    Setting {
        variable: "HOST",
        flag: Some("host"),
        value: "ADDRESS",
        default: Some("::"),
        help: "The address that HTTP listens on; :: takes IPv4 too.",
        ..PLAIN
    },
    Setting {
        variable: "SKILL_SYNC_PORT",
        flag: Some("port"),
        value: "PORT",
        otherwise: "PORT, else 3000",
        help: "The port that HTTP listens on; 0 takes a free one.",
        ..PLAIN
    },
    Setting {
        variable: "SKILL_SYNC_UID",
        flag: Some("uid"),
        value: "UID[:GID]",
        otherwise: "who started it",
        help: "The user that skill-sync becomes where root started it; it hands the volume over first.",
        ..PLAIN
    },
    Setting {
        variable: "CHILD_USER",
        flag: Some("child-user"),
        value: "UID:GID",
        otherwise: "ours",
        help: "The user and group that a supervised agent runs as.",
        ..PLAIN
    },
    Setting {
        variable: "CHILD_ENV",
        flag: Some("child-env"),
        value: "NAMES",
        help: "Variables of ours that a supervised agent may see (comma-separated).",
        ..PLAIN
    },
    Setting {
        variable: "LOG_FORMAT",
        flag: Some("log-format"),
        value: "FORMAT",
        otherwise: "text on a terminal, else json",
        help: "The form of the log on stderr: text or json.",
        ..PLAIN
    },
    Setting {
        variable: "LOG_LEVEL",
        flag: Some("log-level"),
        value: "LEVEL",
        default: Some("info"),
        help: "What is logged: off, error, warn, info, debug or trace, or directives such as \
               info,reconciler=debug.",
        ..PLAIN
    },
];

/// The setting of a variable.
pub(crate) fn find(variable: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.variable == variable)
}
