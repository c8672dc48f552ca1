//! A real forge: Gitea, built and started by `scripts/forge`. Where it was not built one line says that
//! nothing was tested; `SKILL_SYNC_REQUIRE_REAL=1` makes that a failure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test's way to fail, and to say what was skipped"
)]

use std::net::TcpListener;
use std::time::Instant;

use serde_json::json;

#[path = "../service/front.rs"]
mod front;
mod product;
mod scene;
#[path = "../../reconciler/tests/source/way.rs"]
mod way;

use front::Front;
use scene::{Gate, Scene, skill, wait_for};
use way::{Authority, Proxy};

#[test]
fn a_push_to_the_forge_is_on_the_volume_and_its_status_beside_the_commit() {
    let Some(scene) = Scene::begin("pushes to a real forge") else { return };
    let first =
        scene.push(&[("golden-horde.md", &skill("golden-horde", "Leads a horde."))], "the first skill");
    let gate = Gate::open(&scene);
    let status = [("COMMIT_STATUS", "true"), ("FORGE", "gitea"), ("FORGE_TOKEN", &scene.token)];
    let service = scene.serve(&[&status[..], &gate.settings()].concat());
    service.serves("golden-horde.md", "Leads a horde.");
    scene.has_status(&first, "success", "1 skill, 1 added");

    let registered = scene.register(&service, &[]);
    assert!(registered.contains("\"action\": \"created\""), "{registered}");
    let again = scene.register(&service, &[]);
    assert!(again.contains("\"action\": \"updated\""), "{again}");
    assert_eq!(
        scene.api("GET", "/hooks", None).1.as_array().map(Vec::len),
        Some(1),
        "registered twice, there once"
    );
    let checked = scene.register(&service, &["--check"]);
    assert!(checked.contains("\"active\": true") && checked.contains("\"deliveries\": null"), "{checked}");

    let began = Instant::now();
    let good = scene.push(&[("horde-swarm.md", &skill("horde-swarm", "Swarms."))], "a second skill");
    let pushed = began.elapsed();
    service.serves("horde-swarm.md", "Swarms.");
    eprintln!(
        "from the end of the push until it is on the volume: {} ms (the push itself: {} ms)",
        (began.elapsed() - pushed).as_millis(),
        pushed.as_millis()
    );
    scene.has_status(&good, "success", "2 skills, 1 added");

    gate.close();
    let judged = scene.push(&[("horde-swarm.md", &skill("horde-swarm", "Waits."))], "one that is judged");
    scene.has_status(&judged, "pending", "is judged and applied");
    service.serves("horde-swarm.md", "Swarms.");
    gate.reopen();
    scene.has_status(&judged, "success", "2 skills, 1 updated");
    assert_eq!(scene.states(&judged), ["pending", "success"]);
    service.serves("horde-swarm.md", "Waits.");

    let broken = scene.push(&[("two-riders.md", "---\nname: two-riders\n---\nText.\n")], "a broken skill");
    scene.has_status(&broken, "failure", "two-riders (description-missing, two-riders.md:1)");
    let deliveries = service.metric("skill_sync_webhooks_total{result=\"accepted\"}");
    assert!(deliveries >= 2, "the webhook brought the passes: {deliveries}");

    scene.push_tag("v1");
    wait_for("the tag is ignored", || service.metric("skill_sync_webhooks_total{result=\"ignored\"}") >= 1);
    let (status, _) = scene.api("POST", &format!("/hooks/{}/tests", scene.hook_id()), None);
    assert_eq!(status, 204, "the forge's own test of the webhook");
    wait_for("the test arrives", || {
        service.metric("skill_sync_webhooks_total{result=\"accepted\"}") > deliveries
    });
    assert_eq!(service.metric("skill_sync_webhooks_total{result=\"unsigned\"}"), 0);
}

#[test]
fn a_forge_behind_a_proxy_and_an_authority_of_ones_own_is_reached_for_everything() {
    let Some(scene) = Scene::begin("a forge behind a proxy and TLS") else { return };
    let (Some(authority), Some(proxy)) = (Authority::new(), Proxy::start(None)) else { return };
    let front = Front::start(scene.forge.port(), &authority.vouch("IP:127.0.0.1", 30));
    let (repository, ca) = (format!("{}/ops/skills", front.url), authority.path("ca.crt"));
    let (forge, through) = (("FORGE", "gitea"), ("HTTPS_PROXY", proxy.address.as_str()));
    let (at, believes) = (("SKILLS_REPO", repository.as_str()), ("CA_FILE", ca.to_str().expect("text")));
    let token = ("FORGE_TOKEN", scene.token.as_str());
    let commit =
        scene.push(&[("golden-horde.md", &skill("golden-horde", "Leads a horde."))], "the first skill");
    let service = scene.serve(&[forge, token, at, through, believes, ("COMMIT_STATUS", "true")]);
    service.serves("golden-horde.md", "Leads a horde.");
    scene.has_status(&commit, "success", "1 skill, 1 added");

    let register = |variables: &[(&str, &str)]| {
        let arguments = ["webhook", "register", "--url", "http://127.0.0.1:1"];
        let variables = [&[forge, token, at], variables].concat();
        let output = scene.command(&arguments, &variables).output().expect("it starts");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let before = proxy.connects(front.port());
    assert_eq!(register(&[through, believes]), (Some(0), String::new()));
    assert!(before > 0 && proxy.connects(front.port()) > before, "not by the proxy");
    let (code, text) = register(&[through]);
    assert!(code == Some(5) && text.contains("name its authority by CA_FILE"), "{code:?}: {text}");
    let (code, text) = register(&[("HTTPS_PROXY", "127.0.0.1:1"), believes]);
    assert!(
        code == Some(1) && text.contains("the proxy 127.0.0.1:1 does not let us through"),
        "{code:?}: {text}"
    );
    let direct = [("HTTPS_PROXY", "127.0.0.1:1"), ("NO_PROXY", "127.0.0.1"), believes];
    assert_eq!(register(&direct), (Some(0), String::new()));
}

#[test]
fn what_the_forge_refuses_is_told_in_words_that_say_what_to_do() {
    let Some(scene) = Scene::begin("refusals of a real forge") else { return };
    scene.push(&[("golden-horde.md", &skill("golden-horde", "Leads a horde."))], "the first skill");
    let url = "http://127.0.0.1:1";
    let refused = |token: &str, repository: &str, more: &[(&str, &str)]| {
        let repository = format!("{}/{repository}", scene.forge.url);
        let variables = [("FORGE_TOKEN", token), ("SKILLS_REPO", &repository), ("FORGE", "gitea")];
        let variables: Vec<_> = variables.iter().chain(more).copied().collect();
        let output =
            scene.command(&["webhook", "register", "--url", url], &variables).output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!text.contains(token), "{text}");
        (output.status.code(), text)
    };
    let reader = scene.token_of("reader", &["read:repository"]);
    let stranger = scene.stranger();
    let other_api = format!("{}/nowhere", scene.forge.url);
    let wrong = "0".repeat(40);
    let right = scene.token.as_str();
    let elsewhere = [("FORGE_API", other_api.as_str())];
    let cases = [
        (wrong.as_str(), "ops/skills", &[][..], "does not take FORGE_TOKEN (401)"),
        (&reader, "ops/skills", &[], "must be able to administer the repository (scope write:repository)"),
        (right, "ops/nothing", &[], "knows no `ops/nothing` (404)"),
        (&stranger, "ops/skills", &[], "(404)"),
        (right, "ops/skills", &elsewhere, "FORGE_API"),
    ];
    for (token, repository, more, says) in cases {
        let (code, text) = refused(token, repository, more);
        assert_eq!(code, Some(5), "{text}");
        assert!(text.contains(says), "`{text}` does not say `{says}`");
    }
    let (code, text) = refused("never-sent", "ops/skills", &[("FORGE_API", "http://127.0.0.1:1/api/v1")]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("no connection: Connection refused"), "{text}");
}

#[test]
fn a_status_that_cannot_be_set_and_a_delivery_that_nobody_signed_hold_up_no_pass() {
    let Some(scene) = Scene::begin("a token and a secret that are wrong") else { return };
    scene.push(&[("golden-horde.md", &skill("golden-horde", "Begins."))], "the first skill");
    let (on, forge, often) = (("COMMIT_STATUS", "true"), ("FORGE", "gitea"), ("POLL_INTERVAL", "1s"));
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let api = format!("http://{}/api/v1", silent.local_addr().expect("an address"));
    let service = scene.serve(&[on, forge, often, ("FORGE_API", &api), ("FORGE_TOKEN", &scene.token)]);
    let _asked = silent.accept().expect("the status is being set, and nobody answers");
    for description in ["Leads.", "Leads on."] {
        scene.push(&[("golden-horde.md", &skill("golden-horde", description))], "while nobody answers");
        service.serves("golden-horde.md", description);
    }
    drop(service);

    let token = scene.root.path().join("forge-token");
    std::fs::write(&token, scene.token_of("reader", &["read:repository"])).expect("written");
    let service = scene.serve(&[on, forge, often, ("FORGE_TOKEN_FILE", token.to_str().expect("text"))]);
    service.says("the commit status could not be set; passes go on");
    std::fs::write(&token, &scene.token).expect("written");
    let rotated = scene.push(&[("golden-horde.md", &skill("golden-horde", "Leads a horde."))], "with rights");
    service.serves("golden-horde.md", "Leads a horde.");
    scene.has_status(&rotated, "success", "1 skill, 1 updated");
    let hook = json!({
        "type": "gitea", "active": true, "events": ["push"],
        "config": { "url": service.hook(), "content_type": "json", "secret": "not the one of the service" },
    });
    assert_eq!(scene.api("POST", "/hooks", Some(&hook)).0, 201);
    scene.push(&[("horde-swarm.md", &skill("horde-swarm", "Swarms."))], "a second skill");
    service.serves("horde-swarm.md", "Swarms.");
    wait_for("the delivery is refused", || {
        service.metric("skill_sync_webhooks_total{result=\"unsigned\"}") >= 1
    });
}

#[test]
fn a_version_that_is_tagged_at_the_forge_is_on_the_volume_and_a_branch_is_not() {
    let Some(scene) = Scene::begin("versions of a real forge") else { return };
    let horde = |description: &str| skill("golden-horde", description);
    scene.push(&[("golden-horde.md", &horde("The first version."))], "the first");
    scene.push_tag("v1.0.0");
    let service = scene.serve(&[("SKILLS_REF", "semver:^1")]);
    service.serves("golden-horde.md", "The first version.");
    scene.register(&service, &[]);
    scene.push(&[("golden-horde.md", &horde("The second version."))], "the second");
    wait_for("the branch is ignored", || {
        service.metric("skill_sync_webhooks_total{result=\"ignored\"}") >= 1
    });
    service.serves("golden-horde.md", "The first version.");
    scene.push_tag("v1.1.0");
    service.serves("golden-horde.md", "The second version.");
}
