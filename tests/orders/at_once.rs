//! Several at once, and clocks that jump.

use std::process::{Command, Stdio};

use crate::place::{Place, until};

#[test]
fn a_second_service_on_one_state_directory_waits_and_then_says_who_holds_it() {
    let (place, _) = Place::with(&["a"]);
    let service = place.serve(&[]);
    let second = place.run_with(&["run"], &[("LOCK_WAIT", "1s")]);
    assert_eq!(second.code, 1, "{second:?}");
    assert!(
        second.stderr.contains("is in use by process") && second.stderr.contains("LOCK_WAIT"),
        "{second:?}"
    );
    // Another state directory does not make it another target.
    let other = place.path("other-state").display().to_string();
    let third = place.run_with(&["once"], &[("STATE_DIR", &other)]);
    assert!(third.code == 1 && third.stderr.contains("skills` is in use by"), "{third:?}");
    place.write("a", "two");
    place.commit();
    place.ends(&["reconcile", "--wait"], 0);
    assert!(place.serves("a", "two"));
    drop(service);
    place.once(0);
}

#[test]
fn verbs_during_a_pass_answer_or_wait_and_none_breaks_it() {
    let (place, _) = Place::with(&["a"]);
    let _service = place.serve(&[]);
    for n in 0..300 {
        place.write(&format!("skill-{n}"), "many");
    }
    place.commit();
    let mut waiting = place.command(&["reconcile", "--wait"]).stdout(Stdio::null()).spawn().unwrap();
    let verbs: [&[&str]; 6] = [
        &["status"],
        &["history"],
        &["audit", "verify"],
        &["drift", "list"],
        &["diff"],
        &["suspend", "--for", "1h"],
    ];
    for verb in verbs {
        let ended = place.run(verb);
        assert!(ended.code <= 1, "{verb:?}: {ended:?}");
    }
    assert_eq!(place.run(&["once"]).code, 1, "the service holds the target");
    waiting.wait().unwrap();
    place.ends(&["resume"], 0);
    until("all are served", || (0..300).all(|n| place.serves(&format!("skill-{n}"), "many")));
    place.ends(&["audit", "verify"], 0);
}

/// The same command under another clock; none where there is no `faketime`.
fn at(place: &Place, offset: &str, arguments: &[&str]) -> Option<i32> {
    let command = place.command(arguments);
    let mut shifted = Command::new("faketime");
    shifted.env_clear().env("PATH", "/usr/bin:/bin").args(["-f", offset]).arg(command.get_program());
    shifted.args(command.get_args()).current_dir(place.path(""));
    shifted.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    match shifted.stdin(Stdio::null()).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            println!("{offset}: {said}");
            output.status.code()
        }
        Err(_) => {
            let required = std::env::var_os("SKILL_SYNC_REQUIRE_REAL").is_some_and(|value| value == "1");
            assert!(!required, "skipped: clocks that jump, because there is no faketime");
            println!("skipped: clocks that jump, because there is no faketime");
            None
        }
    }
}

#[test]
fn a_clock_that_jumps_back_and_forth_loses_nothing_and_repeats_nothing() {
    let (place, _) = Place::with(&["a"]);
    let mut numbers = Vec::new();
    for (n, offset) in ["+0", "-400d", "+400d", "-1h", "+0"].into_iter().enumerate() {
        place.write("a", &format!("version {n}"));
        place.commit();
        let Some(code) = at(&place, offset, &["once"]) else { return };
        assert_eq!(code, 0, "{offset}");
        assert!(place.serves("a", &format!("version {n}")), "{offset}");
        // An edit of the same length is seen, whatever the clock said when the file was published.
        let edited = place.served("a").unwrap().replace("version", "VERSION");
        place.edit("a", &edited);
        assert_eq!(at(&place, offset, &["once"]), Some(0), "{offset}");
        assert!(place.serves("a", &format!("version {n}")), "{offset}");
        let history = place.ends(&["history", "-o", "json"], 0).json();
        numbers.push(history[0]["last"].as_u64().unwrap());
    }
    assert!(numbers.windows(2).all(|two| two[0] < two[1]), "pass numbers always grow: {numbers:?}");
    assert!(place.ends(&["audit", "verify"], 0).stdout.starts_with("whole"));
    place.once(0);
}
