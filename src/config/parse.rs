//! The text of a value → the value. An error is what was expected instead, as the end of a sentence
//! that begins with "is not".

use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use globset::{Glob, GlobBuilder};
use reconciler::finding::Severity;
use reconciler::path::TreePath;
use reconciler::source::{Proxies, Reference, RepoUrl};
use reconciler::window::Windows;

use crate::identity::Identity;

/// What a parser gives: the value, or what was expected.
pub(crate) type Parsed<T> = Result<T, String>;

const A_DURATION: &str = "such as `90s`, `5m`, `1h30m` or `90d`";

/// A span of time that is not zero.
pub(crate) fn duration(text: &str) -> Parsed<Duration> {
    match humantime::parse_duration(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(format!("a duration above zero, {A_DURATION}")),
    }
}

/// A span of time that may be zero.
pub(crate) fn wait(text: &str) -> Parsed<Duration> {
    match text {
        "0" => Ok(Duration::ZERO),
        _ => humantime::parse_duration(text).map_err(|_| format!("a duration, `0` or {A_DURATION}")),
    }
}

/// The shortest poll interval: more often than this is load without use.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// A span of time of a second or more.
pub(crate) fn interval(text: &str) -> Parsed<Duration> {
    match duration(text) {
        Ok(duration) if duration >= SHORTEST_INTERVAL => Ok(duration),
        _ => Err(format!("a duration of `1s` or more, {A_DURATION}")),
    }
}

const UNITS: [(&str, u64); 11] = [
    ("", 1),
    ("b", 1),
    ("k", 1 << 10),
    ("kb", 1_000),
    ("kib", 1 << 10),
    ("mb", 1_000_000),
    ("mib", 1 << 20),
    ("gb", 1_000_000_000),
    ("gib", 1 << 30),
    ("tb", 1_000_000_000_000),
    ("tib", 1 << 40),
];

/// A number of bytes above zero, with or without a unit.
pub(crate) fn bytes(text: &str) -> Parsed<u64> {
    let expected = || "a size above zero, such as `10GiB`, `64MB` or a number of bytes".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    number
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor))
        .filter(|bytes| *bytes > 0)
        .ok_or_else(expected)
}

/// A share of a whole, with or without its sign.
pub(crate) fn percent(text: &str) -> Parsed<u8> {
    let number = text.strip_suffix('%').unwrap_or(text).trim_end();
    match number.parse::<u8>() {
        Ok(percent @ 0..=100) => Ok(percent),
        _ => Err("a share from `0%` to `100%`".to_owned()),
    }
}

/// Yes or no.
pub(crate) fn switch(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("`true` or `false`".to_owned()),
    }
}

/// One of a few words.
pub(crate) fn choice<T: Copy>(text: &str, words: &[(&str, T)]) -> Parsed<T> {
    words
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| one_of(words.iter().map(|(word, _)| *word)))
}

fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.concat(),
    }
}

/// When changes may be applied.
pub(crate) fn windows(text: &str) -> Parsed<Windows> {
    text.parse().map_err(|error| {
        format!("windows such as `deny 0 18 * * FRI Europe/Berlin for 60h`, separated by `;` ({error})")
    })
}

/// A program and its arguments, between blanks: no shell sees them.
pub(crate) fn words(text: &str) -> Parsed<Vec<std::ffi::OsString>> {
    Ok(text.split_whitespace().map(std::ffi::OsString::from).collect())
}

/// The lowest severity that holds a skill; none for `none`.
pub(crate) fn threshold(text: &str) -> Parsed<Option<Severity>> {
    choice(
        text,
        &[
            ("critical", Some(Severity::Critical)),
            ("high", Some(Severity::High)),
            ("medium", Some(Severity::Medium)),
            ("low", Some(Severity::Low)),
            ("none", None),
        ],
    )
}

/// A port; 0 asks the system for a free one.
pub(crate) fn port(text: &str) -> Parsed<u16> {
    text.parse().map_err(|_| "a port from `0` to `65535`".to_owned())
}

/// An address to listen on.
pub(crate) fn address(text: &str) -> Parsed<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    bare.parse().map_err(|_| "an IP address, such as `::`, `0.0.0.0` or `127.0.0.1`".to_owned())
}

/// A user and a group by their numbers.
pub(crate) fn user(text: &str) -> Parsed<(u32, u32)> {
    text.split_once(':')
        .and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)))
        .ok_or_else(|| "`UID:GID` in numbers, such as `1000:1000`".to_owned())
}

/// A user by its number, with its group where that has another.
pub(crate) fn identity(text: &str) -> Parsed<Identity> {
    let (uid, gid) = text.split_once(':').unwrap_or((text, text));
    match (uid.parse(), gid.parse()) {
        (Ok(uid), Ok(gid)) => Ok(Identity { uid, gid }),
        _ => Err("a user's number, such as `1000` or `1000:1000`".to_owned()),
    }
}

/// Names of variables, separated by commas.
pub(crate) fn variables(text: &str) -> Parsed<Vec<String>> {
    let names: Vec<String> = listed(text).map(str::to_owned).collect();
    let is_name = |name: &String| {
        !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    if names.iter().all(is_name) {
        Ok(names)
    } else {
        Err("names of variables, separated by commas".to_owned())
    }
}

fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// The directory of the repository that holds the skills; none for its root.
pub(crate) fn tree_path(text: &str) -> Parsed<Option<TreePath>> {
    let plain = text.trim_start_matches("./").trim_end_matches('/');
    match plain {
        "" | "." if !text.starts_with('/') => Ok(None),
        _ => TreePath::parse(plain.as_bytes())
            .map(Some)
            .map_err(|error| format!("a directory of the repository, such as `skills` ({error})")),
    }
}

/// Globs, separated by commas outside braces: `*` stays within a component, `**` crosses them.
pub(crate) fn globs(text: &str) -> Parsed<Vec<Glob>> {
    let expected = |what: &str| format!("globs separated by commas, such as `team-a/**,*.md` ({what})");
    split_outside_braces(text)
        .into_iter()
        .map(str::trim)
        .filter(|glob| !glob.is_empty())
        .map(|glob| GlobBuilder::new(glob).literal_separator(true).build())
        .collect::<Result<_, _>>()
        .map_err(|error| expected(&error.to_string()))
}

fn split_outside_braces(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .collect()
}

/// A path, seen from the directory that we were started in; no `.` is left in it.
pub(crate) fn path_in(directory: &Path, text: &str) -> PathBuf {
    directory.join(text).components().filter(|part| *part != Component::CurDir).collect()
}

/// A file that ssh is told of. Its own way of reading paths knows quotes and variables and no way around
/// them.
pub(crate) fn ssh_file(directory: &Path, text: &str) -> Parsed<PathBuf> {
    let path = path_in(directory, text);
    let shown = path.to_string_lossy();
    if shown.contains(['"', '\\']) || shown.contains("${") || shown.contains(char::is_control) {
        return Err(
            "a file whose path ssh can be told: without `\"`, `\\`, `${` and control characters".to_owned()
        );
    }
    Ok(path)
}

/// The id of a GitHub App or of an installation: it becomes a part of a path.
pub(crate) fn id(text: &str) -> Parsed<String> {
    let is_id = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '_';
    match text.chars().all(is_id) && text.chars().any(|c| c.is_ascii_alphanumeric()) {
        true => Ok(text.to_owned()),
        false => Err("an id such as `123456`".to_owned()),
    }
}

/// A private key: a text that looks like one. Whether it is one is seen where it is used.
pub(crate) fn private_key(text: &str) -> Parsed<()> {
    match text.contains("PRIVATE KEY-----") {
        true => Ok(()),
        false => Err("a private key in PEM form, from `-----BEGIN` to `-----END`".to_owned()),
    }
}

/// A proxy, as the standard variables name one.
pub(crate) fn proxy(text: &str) -> Parsed<String> {
    Proxies::check(text).map_err(|error| error.to_string())
}

/// What is logged: a level, or directives for parts of the program.
pub(crate) fn log_level(text: &str) -> Parsed<String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |word: &str| LEVELS.contains(&word.to_ascii_lowercase().as_str());
    // The filter takes any bare word for the name of a module: a misspelt level would silence all.
    let plain = listed(text).all(|part| part.contains(['=', '[']) || is_level(part));
    let directives = tracing_subscriber::EnvFilter::builder().parse(text);
    if plain && directives.is_ok() {
        Ok(text.to_owned())
    } else {
        Err("`off`, `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,reconciler=debug`"
            .to_owned())
    }
}

/// Where Neo4j is.
pub(crate) fn neo4j_uri(text: &str) -> Parsed<String> {
    const SCHEMES: [&str; 6] = ["neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc"];
    match text.split_once("://") {
        Some((scheme, host)) if SCHEMES.contains(&scheme) && !host.is_empty() && !host.contains('@') => {
            Ok(text.to_owned())
        }
        _ => Err("a URI such as `neo4j://host:7687` or `bolt+s://host:7687`, without credentials".to_owned()),
    }
}

/// A text that is taken as it is.
pub(crate) fn text(text: &str) -> Parsed<String> {
    Ok(text.to_owned())
}

/// A repository; a relative local path is seen from `directory`.
pub(crate) fn repository(text: &str, directory: &Path) -> Parsed<RepoUrl> {
    RepoUrl::parse(text)
        .map(|url| url.absolute(directory))
        .map_err(|error| format!("a repository that can be followed: {error}"))
}

/// What is followed in a repository.
pub(crate) fn reference(text: &str) -> Parsed<Reference> {
    Reference::parse(text).map_err(|error| format!("a reference that can be followed: {error}"))
}
