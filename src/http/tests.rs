//! Stories of the webhook and of who may ask for what, through the whole router.

use std::net::SocketAddr;
use std::path::Path;

use axum::body::Body;
use axum::http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use reconciler::ids::Timestamp;
use reconciler::record::Record;
use reconciler::report::{Outcome, PassReport};
use reconciler::source::{Reference, RepoUrl};
use reconciler::status::{ConditionStatus, ConditionType, StatusFacts};
use reconciler::trigger::Trigger;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use tower::ServiceExt as _;

use super::auth::Peer;
use super::*;
use crate::daemon::StateDir;
use crate::daemon::tests::Story;

/// A record in a directory of its own, with nothing in it yet.
pub(crate) fn record(directory: &Path) -> Ledger {
    let database = directory.join("state.db");
    let mut record = Record::open(&database, "test").expect("a record");
    record.remember_deliveries(&["seen".to_owned()], Timestamp::now()).expect("remembered");
    ledger(StateDir::Open(directory.to_owned()))
}

fn ledger(state: StateDir) -> Ledger {
    let facts = StatusFacts {
        environment: "test".to_owned(),
        repo: "https://github.com/acme/skills".to_owned(),
        reference: "main".to_owned(),
        reconciling: None,
        next_pass_at: None,
        failing: None,
        projection: None,
    };
    let (_, state) = tokio::sync::watch::channel(state);
    Ledger::new(state, facts, None)
}

pub(crate) const SECRET: &str = "It's a Secret to Everybody";
const OTHER_SECRET: &str = "the one that we rotate to";
const TOKEN: &str = "a-token-of-ours";

pub(crate) fn options() -> Options {
    Options {
        followed: Followed {
            url: RepoUrl::parse("https://github.com/acme/skills").expect("a repository"),
            reference: Reference::Name("main".to_owned()),
        },
        webhook_secrets: Some(SecretSource::new(|| Ok(vec![OTHER_SECRET.to_owned(), SECRET.to_owned()]))),
        api_token: Some(SecretSource::new(|| Ok(TOKEN.to_owned()))),
        pass_timeout: Duration::from_secs(600),
        limits: Limits::default(),
    }
}

/// The router over a daemon whose first pass has served a revision.
pub(crate) struct Site {
    pub(crate) story: Story,
    pub(crate) router: Router,
    pub(crate) metrics: Metrics,
    state: TempDir,
}

impl Site {
    pub(crate) async fn with(options: Options) -> Self {
        let mut story = Story::begin();
        story.next().await;
        story.end(Outcome::Applied).await;
        let (state, metrics) = (tempdir().expect("a directory"), Metrics::new());
        let ledger = record(state.path());
        let service = Service::new(story.handle.clone(), ledger, metrics.clone(), options);
        Self { story, router: router(service), metrics, state }
    }

    pub(crate) async fn ask(
        &self,
        peer: Peer,
        mut request: Request<Body>,
    ) -> (StatusCode, Response<()>, Value) {
        request.extensions_mut().insert(peer);
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let value = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        (head.status, Response::from_parts(head, ()), value)
    }

    pub(crate) async fn status_of(&self, peer: Peer, request: Request<Body>) -> u16 {
        self.ask(peer, request).await.0.as_u16()
    }
}

pub(crate) fn from(address: &str) -> Peer {
    Peer::Network(SocketAddr::new(address.parse().expect("an address"), 4711))
}

pub(crate) const FORGE: &str = "192.0.2.7";

pub(crate) fn sign(secret: &str, body: &[u8]) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
    mac.update(body);
    let tag: [u8; 32] = mac.finalize().into_bytes().into();
    format!("sha256={}", reconciler::ids::Digest::from(tag))
}

fn push(reference: &str, repository: &str) -> Vec<u8> {
    let repository = json!({
        "clone_url": format!("https://{repository}.git"),
        "ssh_url": format!("git@{}.git", repository.replacen('/', ":", 1)),
        "html_url": format!("https://{repository}"),
        "default_branch": "main",
    });
    json!({ "ref": reference, "after": "0".repeat(40), "repository": repository }).to_string().into_bytes()
}

/// A delivery as a forge sends it; each story changes one thing.
pub(crate) struct Sent {
    pub(crate) body: Vec<u8>,
    event: &'static str,
    kind: &'static str,
    id: &'static str,
    signature: Option<String>,
}

impl Sent {
    pub(crate) fn push() -> Self {
        Self::of(push("refs/heads/main", "github.com/acme/skills"))
    }

    fn of(body: Vec<u8>) -> Self {
        let signature = Some(sign(SECRET, &body));
        Self { body, event: "push", kind: "application/json", id: "7219adb0-13e2", signature }
    }

    fn event(mut self, event: &'static str) -> Self {
        self.event = event;
        self
    }

    fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    fn signed(mut self, signature: Option<&str>) -> Self {
        self.signature = signature.map(str::to_owned);
        self
    }

    pub(crate) fn request(self) -> Request<Body> {
        let mut request = Request::post("/webhook/github")
            .header("content-type", self.kind)
            .header("x-github-event", self.event)
            .header("x-github-delivery", self.id);
        if let Some(signature) = self.signature {
            request = request.header("x-hub-signature-256", signature);
        }
        request.body(Body::from(self.body)).expect("a request")
    }
}

#[test]
fn the_signature_is_the_one_of_githubs_documentation() {
    assert_eq!(
        sign(SECRET, b"Hello, World!"),
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    );
}

#[tokio::test(start_paused = true)]
async fn a_push_of_ours_is_accepted_and_brings_a_pass() {
    let mut site = Site::with(options()).await;
    let (status, _, body) = site.ask(from(FORGE), Sent::push().request()).await;
    assert_eq!((status.as_u16(), body), (202, json!({ "accepted": "refs/heads/main" })));
    assert_eq!(site.story.next().await, Trigger::Webhook);
    site.story.end(Outcome::InSync).await;
    assert!(site.metrics.render().contains("skill_sync_webhooks_total{result=\"accepted\"} 1\n"));
}

#[tokio::test(start_paused = true)]
async fn both_live_secrets_count_and_no_other() {
    let site = Site::with(options()).await;
    for (secret, status) in [(SECRET, 202), (OTHER_SECRET, 202), ("a secret that nobody has", 401)] {
        let sent = Sent::push();
        let signature = sign(secret, &sent.body);
        let sent = sent.signed(Some(&signature));
        assert_eq!(site.status_of(from(FORGE), sent.request()).await, status, "{secret}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_signed_and_not_for_us_is_ignored_and_says_why() {
    let site = Site::with(options()).await;
    let mut seen = Sent::push();
    seen.id = "seen";
    let cases = [
        (
            Sent::of(br#"{"zen": "Design for failure."}"#.to_vec()).event("ping"),
            "the event `ping` is no push",
        ),
        (Sent::push().event("create"), "the event `create` is no push"),
        (Sent::of(push("refs/heads/dev", "github.com/acme/skills")), "another ref: `refs/heads/dev`"),
        (Sent::of(push("refs/heads/main", "github.com/acme/other")), "another repository"),
        (Sent::of(push("refs/heads/main", "example.org/acme/skills")), "another repository"),
        (seen, "this delivery was fetched before"),
    ];
    for (sent, why) in cases {
        let (status, _, body) = site.ask(from(FORGE), sent.request()).await;
        assert_eq!((status.as_u16(), body), (200, json!({ "ignored": why })));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_signed_and_cannot_be_read_is_malformed() {
    let site = Site::with(options()).await;
    let without_ref = json!({ "repository": {} }).to_string().into_bytes();
    let no_payload = Sent::of(b"other=1".to_vec()).kind("application/x-www-form-urlencoded");
    let cases = [
        (Sent::of(b"Hello, World!".to_vec()), "not that of a push"),
        (Sent::of(without_ref), "missing field `ref`"),
        (Sent::of(b"[".repeat(100_000)), "not that of a push"),
        (Sent::of(b"{".to_vec()).event("ping"), "not JSON"),
        (Sent::push().event(""), "x-github-event header is empty"),
        (no_payload, "no `payload` field"),
    ];
    for (sent, why) in cases {
        let (status, _, body) = site.ask(from(FORGE), sent.request()).await;
        let detail = body["detail"].as_str().expect("a problem").to_owned();
        assert_eq!(status.as_u16(), 400, "{detail}");
        assert!(detail.contains(why), "`{detail}` does not say `{why}`");
    }
}

#[tokio::test(start_paused = true)]
async fn a_signature_that_is_missing_empty_or_wrong_is_unauthorised() {
    let site = Site::with(options()).await;
    let wrong = format!("sha256={}", "0".repeat(64));
    for signature in [None, Some(""), Some("sha256="), Some("sha1=00"), Some(wrong.as_str())] {
        let (status, head, _) = site.ask(from(FORGE), Sent::push().signed(signature).request()).await;
        assert_eq!(status.as_u16(), 401, "{signature:?}");
        assert_eq!(head.headers()["content-type"], "application/problem+json");
    }
}

#[tokio::test(start_paused = true)]
async fn a_form_is_signed_as_github_or_as_gitea_signs_it() {
    let site = Site::with(options()).await;
    let json = push("refs/heads/main", "github.com/acme/skills");
    let text = String::from_utf8(json.clone()).expect("text");
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("payload", &text).finish();
    for signed in [form.as_bytes(), &json] {
        let signature = sign(SECRET, signed);
        let sent =
            Sent::of(form.clone().into_bytes()).kind("application/x-www-form-urlencoded; charset=utf-8");
        assert_eq!(site.status_of(from(FORGE), sent.signed(Some(&signature)).request()).await, 202);
    }
}

#[tokio::test(start_paused = true)]
async fn another_method_type_or_size_has_its_own_status() {
    let site = Site::with(options()).await;
    let get = Request::get("/webhook/github").body(Body::empty()).expect("a request");
    let (status, head, _) = site.ask(from(FORGE), get).await;
    assert_eq!((status.as_u16(), &head.headers()["allow"]), (405, &"POST".parse().expect("a value")));
    let xml = Sent::push().kind("application/xml");
    assert_eq!(site.status_of(from(FORGE), xml.request()).await, 415);
    let large = Sent::of(vec![b' '; (25 << 20) + 1]);
    assert_eq!(site.status_of(from(FORGE), large.request()).await, 413);
}

#[tokio::test(start_paused = true)]
async fn without_a_readable_secret_everything_is_refused() {
    let site = Site::with(Options { webhook_secrets: None, ..options() }).await;
    assert_eq!(site.status_of(from(FORGE), Sent::push().request()).await, 503);
    let unreadable = SecretSource::new(|| Err("cannot read /run/secrets/hook".to_owned()));
    let site = Site::with(Options { webhook_secrets: Some(unreadable), ..options() }).await;
    let (status, _, body) = site.ask(from(FORGE), Sent::push().request()).await;
    assert_eq!(status.as_u16(), 503);
    assert!(!body.to_string().contains("/run/secrets"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn only_who_does_not_sign_is_limited() {
    let limits = Limits { strikes: (2, 100), ..Limits::default() };
    let site = Site::with(Options { limits, ..options() }).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(site.status_of(from(FORGE), Sent::push().signed(None).request()).await);
    }
    let wrong = format!("sha256={}", "0".repeat(64));
    statuses.push(site.status_of(from(FORGE), Sent::push().signed(Some(&wrong)).request()).await);
    assert_eq!(statuses, [401, 401, 429, 429]);
    assert_eq!(site.status_of(from(FORGE), Sent::push().request()).await, 202, "a signed one is not");
}

#[tokio::test(start_paused = true)]
async fn which_ref_is_ours_depends_on_what_is_followed() {
    let commit = Reference::Commit("d".repeat(40).parse().expect("an id"));
    let cases = [
        (Reference::Head, "refs/heads/main", 202),
        (Reference::Head, "refs/heads/dev", 200),
        (Reference::Name("v1".to_owned()), "refs/tags/v1", 202),
        (Reference::Name("v1".to_owned()), "refs/heads/v1", 202),
        (Reference::Name("v1".to_owned()), "refs/heads/feature/v1", 200),
        (Reference::Full("refs/tags/v1".to_owned()), "refs/heads/v1", 200),
        (commit, "refs/heads/main", 200),
    ];
    for (reference, pushed, status) in cases {
        let followed = Followed { reference: reference.clone(), ..options().followed };
        let site = Site::with(Options { followed, ..options() }).await;
        let sent = Sent::of(push(pushed, "github.com/acme/skills"));
        let got = site.status_of(from(FORGE), sent.request()).await;
        assert_eq!(got, status, "{reference:?} and {pushed}");
    }
}

fn get(path: &str, host: &str) -> Request<Body> {
    Request::get(path).header("host", host).body(Body::empty()).expect("a request")
}

fn with_token(mut request: Request<Body>, token: &str) -> Request<Body> {
    let value = format!("Bearer {token}").parse().expect("a value");
    request.headers_mut().insert("authorization", value);
    request
}

#[tokio::test(start_paused = true)]
async fn with_a_token_configured_only_the_token_counts() {
    let site = Site::with(options()).await;
    for peer in [from("127.0.0.1"), from(FORGE)] {
        let (status, head, _) = site.ask(peer, get("/status", "localhost")).await;
        assert_eq!(
            (status.as_u16(), &head.headers()["www-authenticate"]),
            (401, &"Bearer".parse().expect("v"))
        );
        assert_eq!(site.status_of(peer, with_token(get("/status", "x"), "wrong")).await, 403);
        assert_eq!(site.status_of(peer, with_token(get("/status", "x"), "")).await, 401);
        assert_eq!(site.status_of(peer, with_token(get("/status", "x"), TOKEN)).await, 200);
    }
    assert_eq!(site.status_of(Peer::Operator(0), get("/status", "localhost")).await, 200);
    let unreadable = SecretSource::new(|| Err("gone".to_owned()));
    let site = Site::with(Options { api_token: Some(unreadable), ..options() }).await;
    assert_eq!(site.status_of(from(FORGE), with_token(get("/status", "x"), TOKEN)).await, 503);
}

#[tokio::test(start_paused = true)]
async fn without_a_token_this_machine_may_look_and_nobody_may_change() {
    let site = Site::with(Options { api_token: None, ..options() }).await;
    for (peer, host) in
        [("127.0.0.1", "localhost:3000"), ("::1", "[::1]:3000"), ("::ffff:127.0.0.1", "127.0.0.1")]
    {
        for path in ["/status", "/skills", "/passes", "/audit"] {
            assert_eq!(site.status_of(from(peer), get(path, host)).await, 200, "{peer} {path}");
        }
    }
    let forwarded = |name: &'static str| {
        let mut request = get("/status", "localhost");
        request.headers_mut().insert(name, "for=203.0.113.9".parse().expect("a value"));
        request
    };
    assert_eq!(site.status_of(from(FORGE), get("/status", "localhost")).await, 403);
    assert_eq!(site.status_of(from("127.0.0.1"), get("/status", "evil.example:3000")).await, 403);
    assert_eq!(site.status_of(from("127.0.0.1"), forwarded("x-forwarded-for")).await, 403);
    assert_eq!(site.status_of(from("127.0.0.1"), forwarded("forwarded")).await, 403);
    let change =
        || Request::post("/reconcile").header("host", "localhost").body(Body::empty()).expect("a request");
    assert_eq!(site.status_of(from("127.0.0.1"), change()).await, 403);
    assert_eq!(site.status_of(from("127.0.0.1"), with_token(change(), TOKEN)).await, 403);
    assert_eq!(site.status_of(Peer::Operator(0), change()).await, 202);
}

#[tokio::test(start_paused = true)]
async fn a_reconcile_that_waits_gets_the_report_of_a_new_pass() {
    let mut site = Site::with(options()).await;
    let post = |path: &str| Request::post(path).body(Body::empty()).expect("a request");
    let (status, _, body) = site.ask(Peer::Operator(0), post("/reconcile")).await;
    assert_eq!((status.as_u16(), body), (202, json!({ "pass": null })));
    assert_eq!(site.story.next().await, Trigger::Manual);

    let router = site.router.clone();
    let mut request = post("/reconcile?wait=true");
    request.extensions_mut().insert(Peer::Operator(0));
    let waiting = tokio::spawn(router.oneshot(request));
    tokio::task::yield_now().await;
    site.story.end(Outcome::InSync).await;
    site.story.next().await;
    site.story.end(Outcome::Applied).await;
    let response = waiting.await.expect("no panic").expect("infallible");
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    let report: PassReport = serde_json::from_slice(&bytes).expect("a pass report");
    assert_eq!((report.pass.0, report.outcome), (3, Outcome::Applied));
    assert_eq!(site.status_of(Peer::Operator(0), post("/reconcile?wait=perhaps")).await, 400);
}

#[tokio::test(start_paused = true)]
async fn health_and_metrics_are_open_and_head_works() {
    let mut site = Site::with(options()).await;
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(site.status_of(from(FORGE), get(path, "healthcheck.railway.app")).await, 200, "{path}");
        let mut head = get(path, "x");
        *head.method_mut() = Method::HEAD;
        assert_eq!(site.status_of(from(FORGE), head).await, 200, "HEAD {path}");
    }
    let (_, head, _) = site.ask(from(FORGE), get("/metrics", "x")).await;
    assert_eq!(head.headers()["content-type"], crate::metrics::CONTENT_TYPE);

    site.story.handle.trigger(Trigger::Manual).await.expect("the daemon runs");
    site.story.next().await;
    // The clock stands while a pass runs in a test: it is moved by hand.
    tokio::time::advance(Duration::from_secs(601)).await;
    let (status, _, body) = site.ask(from(FORGE), get("/livez", "x")).await;
    assert_eq!(status.as_u16(), 503);
    assert!(body["detail"].as_str().is_some_and(|detail| detail.contains("PASS_TIMEOUT is 600 s")), "{body}");
    site.story.end(Outcome::InSync).await;
    assert_eq!(site.status_of(from(FORGE), get("/livez", "x")).await, 200);
}

#[tokio::test(start_paused = true)]
async fn it_is_not_ready_before_a_revision_is_served() {
    let state = tempdir().expect("a directory");
    let mut story = Story::begin();
    story.next().await;
    let service = Service::new(story.handle.clone(), record(state.path()), Metrics::new(), options());
    let response = router(service).oneshot(get("/readyz", "x")).await.expect("infallible");
    assert_eq!(response.status().as_u16(), 503);
    story.end(Outcome::Applied).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_a_problem_too() {
    let site = Site::with(options()).await;
    std::fs::write(site.state.path().join("state.db"), "broken").expect("written");
    let post = Request::post("/status").body(Body::empty()).expect("a request");
    let cases = [
        (get("/nothing", "x"), 404),
        (get("/skills/none/such", "x"), 404),
        (get("/skills/%ff", "x"), 400),
        (get("/passes/8", "x"), 503),
        (get("/passes/eight", "x"), 404),
        (get("/passes?limit=all", "x"), 400),
        (post, 405),
    ];
    for (request, expected) in cases {
        let path = request.uri().clone();
        let (status, head, body) = site.ask(Peer::Operator(0), request).await;
        assert_eq!(status.as_u16(), expected, "{path}");
        assert_eq!(head.headers()["content-type"], "application/problem+json", "{path}");
        assert_eq!(body["status"], expected, "{path}");
        assert!(!body.to_string().contains("state.db"), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_status_is_told_also_where_no_record_can_be_read() {
    let site = Site::with(options()).await;
    std::fs::write(site.state.path().join("state.db"), "broken").expect("written");
    let (status, _, body) = site.ask(Peer::Operator(0), get("/status", "x")).await;
    assert_eq!(status.as_u16(), 200);
    let (ready, stalled) = (&body["conditions"][0], &body["conditions"][2]);
    assert_eq!((&ready["type"], &ready["status"]), (&json!("Ready"), &json!("False")));
    assert_eq!((&stalled["type"], &stalled["status"]), (&json!("Stalled"), &json!("True")));
    let message = stalled["message"].as_str().expect("text");
    assert!(message.contains("not a database") && message.contains("state rebuild"), "{message}");
    assert_eq!(body["last_applied_revision"], json!("c".repeat(40)));
}

#[tokio::test(start_paused = true)]
async fn that_there_is_no_record_is_no_fault_before_the_first_pass_has_ended() {
    let mut story = Story::begin();
    story.next().await;
    let nothing = tempdir().expect("a directory");
    let stalled = |story: &Story| {
        let condition = |state| ledger(state).status(&story.handle.view()).conditions[2].clone();
        let all = [StateDir::Unknown, StateDir::Tried(nothing.path().to_owned())].map(condition);
        assert!(all.iter().all(|condition| condition.kind == ConditionType::Stalled));
        all.map(|condition| condition.status)
    };
    assert_eq!(stalled(&story), [ConditionStatus::False; 2]);
    story.end(Outcome::Applied).await;
    assert_eq!(stalled(&story), [ConditionStatus::False, ConditionStatus::True]);
}
