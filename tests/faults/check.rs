//! What must hold at the instant after a fault, and after the next pass.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::scene::{Drift, Place, Scene, Tree, read_directory};
use crate::trace::Injected;

/// What is wrong; empty where nothing is.
pub(crate) type Problems = Vec<String>;

/// Right after the fault: every file old or new, nothing lost, nothing touched that is not ours.
pub(crate) fn at_once(scene: &Scene, place: &Place) -> Problems {
    let found = place.contents();
    let mut problems = Problems::new();
    for path in scene.old.keys().chain(scene.new.keys()) {
        if !is_old_or_new(scene, path, &found) {
            problems.push(format!("{path} is neither old nor new: {:?}", found.get(path).map(|b| text(b))));
        }
    }
    problems.extend(not_ours(scene, place, &found));
    problems.extend(mixed(scene, &found));
    problems.extend(lost(scene, place, &found));
    problems
}

/// Whether the pass has changed anything on the volume.
pub(crate) fn has_changed(scene: &Scene, place: &Place) -> bool {
    place.contents() != scene.base().contents()
}

fn is_old_or_new(scene: &Scene, path: &String, found: &Tree) -> bool {
    let now = found.get(path);
    // A pass whose fetch failed restores what is served.
    if now == scene.new.get(path) || now == scene.old.get(path) {
        return true;
    }
    match scene.drift.get(path.as_str()) {
        None => false,
        Some(Drift::Bytes(bytes)) => now.is_some_and(|now| now == bytes),
        // A directory is moved away before a file can take its place.
        Some(Drift::Missing | Drift::Directory(..)) => now.is_none(),
    }
}

fn not_ours(scene: &Scene, place: &Place, found: &Tree) -> Problems {
    let mut problems = Problems::new();
    for (path, bytes) in &scene.unowned {
        if found.get(path) != Some(bytes) {
            problems.push(format!("{path} is not ours and was changed"));
        }
    }
    let is_drift = |path: &str| {
        let inside = |(at, drift): (&&str, &Drift)| match drift {
            Drift::Directory(name, _) => path == format!("{at}/{name}"),
            Drift::Bytes(_) | Drift::Missing => false,
        };
        scene.drift.iter().any(inside)
    };
    let known = |path: &String| {
        scene.old.contains_key(path) || scene.new.contains_key(path) || scene.unowned.contains_key(path)
    };
    let strange = found.keys().filter(|path| !known(path) && !is_drift(path));
    problems.extend(strange.map(|path| format!("{path} appeared in the target")));
    let ours = |name: &str| name == ".skill-sync.md";
    let hidden = fs::read_dir(place.target()).into_iter().flatten().filter_map(Result::ok);
    let hidden = hidden.map(|entry| entry.file_name().to_string_lossy().into_owned());
    problems.extend(
        hidden
            .filter(|name| name.starts_with('.') && !ours(name))
            .map(|name| format!("{name} appeared in the target")),
    );
    problems
}

/// Who acts on a new `SKILL.md` must find all that belongs to it.
fn mixed(scene: &Scene, found: &Tree) -> Problems {
    let entries = scene.new.iter().filter(|(path, _)| path.ends_with("/SKILL.md"));
    let shown = entries
        .filter(|(path, bytes)| found.get(*path) == Some(*bytes) && scene.old.get(*path) != Some(*bytes));
    let mut problems = Problems::new();
    for (entry, _) in shown {
        let skill = entry.trim_end_matches("SKILL.md");
        for (path, bytes) in scene.new.iter().filter(|(path, _)| path.starts_with(skill)) {
            if found.get(path) != Some(bytes) {
                problems.push(format!("{entry} is new and {path} is not"));
            }
        }
    }
    problems
}

/// Bytes that somebody wrote are where they were, or kept.
fn lost(scene: &Scene, place: &Place, found: &Tree) -> Problems {
    let mut problems = Problems::new();
    for (path, drift) in &scene.drift {
        let (at, bytes) = match drift {
            Drift::Missing => continue,
            Drift::Bytes(bytes) => ((*path).to_owned(), *bytes),
            Drift::Directory(name, bytes) => (format!("{path}/{name}"), *bytes),
        };
        if found.get(&at).is_none_or(|now| now != bytes) && !is_kept(place, bytes) {
            problems.push(format!("what somebody wrote to {at} is lost"));
        }
    }
    problems
}

/// Whether bytes are under a reference of the mirror, or moved aside.
fn is_kept(place: &Place, bytes: &[u8]) -> bool {
    let mut is_aside = false;
    read_directory(&place.state().join("displaced"), &mut |path| {
        is_aside |= fs::read(path).expect("its bytes") == bytes;
    });
    is_aside || kept(place).iter().any(|kept| kept == bytes)
}

/// Everything that a reference of the mirror keeps.
fn kept(place: &Place) -> Vec<Vec<u8>> {
    let mirror = git2::Repository::open_bare(place.state().join("repo.git")).expect("the mirror");
    let references = mirror.references_glob("refs/skill-sync/drift/*").expect("references");
    let bytes = |reference: Result<git2::Reference<'_>, git2::Error>| {
        let tree = reference.ok()?.peel_to_tree().ok()?;
        let blob = mirror.find_blob(tree.get_name("kept")?.id()).ok()?;
        Some(blob.content().to_vec())
    };
    references.filter_map(bytes).collect()
}

/// The next pass: it converges, the record is whole, nothing is left over, and the one after it finds
/// nothing to do.
pub(crate) fn afterwards(scene: &Scene, place: &Place, had_changed: bool) -> Problems {
    let mut problems = Problems::new();
    let ended = place.product.once();
    let report = ended.json();
    let outcome = report["outcome"].as_str().unwrap_or("none");
    if ended.code != Some(0) || !["applied", "in_sync"].contains(&outcome) {
        problems
            .push(format!("the next pass: {:?} {outcome} {}{}", ended.code, report["error"], ended.stderr));
    }
    let expected: Tree = scene.new.clone().into_iter().chain(scene.unowned.clone()).collect();
    let found = place.contents();
    if found != expected {
        problems.push(format!("the volume after the next pass: {:?}", names(&found)));
    }
    problems.extend(lost(scene, place, &found));
    problems.extend(leftovers(place));
    problems.extend(on_record(scene, place, had_changed, report["pass"].as_u64().unwrap_or(0)));
    let again = place.product.once();
    if again.json()["outcome"] != "in_sync" {
        problems.push(format!("the pass after it: {}", again.stdout));
    }
    problems
}

fn leftovers(place: &Place) -> Problems {
    let mut problems = Problems::new();
    let mut leave = |path: &Path| {
        let name = path.file_name().expect("a name").to_string_lossy();
        let is_leftover = name.ends_with(".lock") || name.starts_with("tmp_") || name.contains("_git2_");
        if is_leftover || path.components().any(|part| part.as_os_str() == "staging") {
            problems.push(format!("{} is left over", path.display()));
        }
    };
    read_directory(&place.state(), &mut leave);
    if place.state().join("staging").read_dir().is_ok_and(|mut staging| staging.next().is_some()) {
        problems.push("the staging directory is not empty".to_owned());
    }
    problems
}

/// The audit is whole and has what was kept, and the history has each pass that changed something.
fn on_record(scene: &Scene, place: &Place, had_changed: bool, next: u64) -> Problems {
    let mut problems = Problems::new();
    let verified = place.product.run(&["audit", "verify", "-o", "json"]);
    if verified.code != Some(0) || verified.json()["verdict"] != "whole" {
        problems.push(format!("audit verify: {:?} {}{}", verified.code, verified.stdout, verified.stderr));
    }
    let audit = place.product.run(&["audit", "list", "-o", "json"]).json();
    let empty = Vec::new();
    let records = audit.as_array().unwrap_or(&empty);
    for path in scene.drift.iter().filter(|(_, drift)| !matches!(drift, Drift::Missing)).map(|(path, _)| path)
    {
        if !records.iter().any(|record| record["kind"] == "drift" && record["body"]["path"] == *path) {
            problems.push(format!("the audit does not say that {path} had drifted"));
        }
    }
    let history = place.product.run(&["history", "-o", "json"]).json();
    let rows = history.as_array().unwrap_or(&empty);
    let faulted = rows.iter().find(|row| row["first"].as_u64().is_some_and(|first| first + 1 == next));
    let outcome = faulted.map_or(&Value::Null, |row| &row["outcome"]).as_str();
    let served = u64::from(!scene.old.is_empty());
    let is_told = match outcome {
        Some("interrupted" | "applied" | "failed") => next > served + 1,
        Some("in_sync") => scene.is_interrupted,
        _ => false,
    };
    if had_changed && !is_told {
        problems
            .push(format!("the pass had changed the volume, and the history says {outcome:?}: {history}"));
    }
    problems
}

/// How a pass with a failed call ended: converged, or failed with a text that says what and where, and
/// without a held skill. Only its exit code speaks where its words met the fault too.
pub(crate) fn ended(scene: &Scene, place: &Place, injected: &Injected) -> Problems {
    let Injected { ended, is_mute, .. } = injected;
    let report = ended.json();
    let outcome = report["outcome"].as_str();
    let is_converged = ended.code == Some(0) && matches!(outcome, Some("applied" | "in_sync"));
    // Where not even the engine could be opened there is no report.
    let is_failed = ended.code == Some(1) && matches!(outcome, Some("failed") | None);
    let mut problems = Problems::new();
    if !is_converged && !is_failed {
        problems
            .push(format!("it ended with {:?} {outcome:?}: {}{}", ended.code, report["error"], ended.stderr));
    }
    if report["held"].as_array().is_some_and(|held| !held.is_empty()) {
        problems.push(format!("a fault of the disk held a skill: {}", report["held"]));
    }
    if is_failed && !is_mute {
        let said = report["error"].as_str().unwrap_or(&ended.stderr);
        problems.extend(unclear(scene, place, said));
    }
    problems
}

/// The texts of the system; of SQLite where it gives none, and ours where libgit2 gives none.
const REASONS: &[&str] = &[
    "No space left on device",
    "Input/output error",
    "Read-only file system",
    "Disk quota exceeded",
    "Too many open files",
    "Interrupted system call",
    "database or disk is full",
    "disk I/O error",
    "unable to open database file",
    "attempt to write a readonly database",
    "libgit2 gave no reason; the disk may be full, failing or read-only",
];

fn unclear(scene: &Scene, place: &Place, said: &str) -> Problems {
    let data = place.data();
    let all = scene.old.keys().chain(scene.new.keys()).flat_map(|path| Path::new(path).ancestors());
    let mut ours = all.chain([Path::new(".skill-sync.md")]).filter_map(Path::to_str);
    let is_named =
        |path: &str| [format!("`{path}`"), format!("`{path}/`")].iter().any(|name| said.contains(name));
    let names_place = said.contains(data.to_str().expect("text")) || ours.any(is_named);
    let names_reason = REASONS.iter().any(|reason| said.contains(reason));
    if names_place && names_reason {
        Problems::new()
    } else {
        vec![format!("it says not what or where: {said}")]
    }
}

/// What the child of a fetch said: a fault of our own side, or that it did fetch.
pub(crate) fn said(injected: &Injected) -> Problems {
    let Injected { ended, is_mute, .. } = injected;
    let last = ended.stdout.lines().last().unwrap_or_default();
    let line: Value = serde_json::from_str(last).unwrap_or_default();
    let is_ours = line["fetched"].is_object() || line["failed"]["local"].is_object();
    // One that could say nothing is told from one that fetched by its exit code alone.
    let is_refused = *is_mute && ended.code != Some(0);
    if is_ours || is_refused {
        Problems::new()
    } else {
        vec![format!("the fetch said: {:?} {last} {}", ended.code, ended.stderr)]
    }
}

fn names(tree: &Tree) -> Vec<String> {
    tree.iter().map(|(path, bytes)| format!("{path}: {}", text(bytes))).collect()
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
