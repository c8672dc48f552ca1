//! Stories of each forge's webhook: Gitea's as it really sent them, the others' as their documents say.

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use reconciler::source::{Reference, RepoUrl};
use serde_json::{Value, json};

use crate::forge::Forge;
use crate::http::Options;
use crate::http::auth::SecretSource;
use crate::http::limits::Limits;
use crate::http::tests::{FORGE, SECRET, Site, from, options, sign};
use crate::http::webhook::Followed;

/// The secret that the captured deliveries were signed with.
const CAPTURED: &str = "s3cret-for-tests";

fn following(url: &str, reference: &str, secret: &str) -> Options {
    let secret = secret.to_owned();
    Options {
        followed: Followed {
            url: RepoUrl::parse(url).expect("a repository"),
            reference: Reference::Name(reference.to_owned()),
        },
        webhook_secrets: Some(SecretSource::new(move || Ok(vec![secret.clone()]))),
        ..options()
    }
}

/// A delivery that Gitea sent: its head and body as they came.
fn captured(name: &str, path: &str) -> Request<Body> {
    let file = format!("{}/tests/fixtures/gitea/{name}.http", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&file).expect(&file);
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let lines = std::str::from_utf8(&bytes[..head]).expect("text").lines().skip(1);
    let request = lines.fold(Request::post(path), |request, line| {
        let (name, value) = line.split_once(':').expect("a header");
        request.header(name, value.trim())
    });
    request.body(Body::from(bytes[head + 4..].to_vec())).expect("a request")
}

/// What each of them comes to where `main` of the first or the second repository is followed.
const DELIVERIES: [(&str, &str, u16, &str); 20] = [
    ("01-create-branch-first-push", "demo", 200, "the event `create` is no push"),
    ("02-push-first", "demo", 202, "refs/heads/main"),
    ("03-test-api", "demo", 202, "refs/heads/main"),
    ("04-push-second", "demo", 202, "refs/heads/main"),
    ("05-status-success", "demo", 200, "the event `status` is no push"),
    ("06-status-bogus-state", "demo", 200, "the event `status` is no push"),
    ("07-push-forced", "demo", 202, "refs/heads/main"),
    ("08-push-tag", "demo", 200, "another ref: `refs/tags/v1`"),
    ("09-create-tag", "demo", 200, "the event `create` is no push"),
    ("10-create-branch", "demo", 200, "the event `create` is no push"),
    ("11-push-new-branch", "demo", 200, "another ref: `refs/heads/feature`"),
    ("12-delete-branch", "demo", 200, "the event `delete` is no push"),
    ("13-push-two-refs-main", "demo", 202, "refs/heads/main"),
    ("14-two-refs-create-other", "demo", 200, "the event `create` is no push"),
    ("15-push-two-refs-other", "demo", 200, "another ref: `refs/heads/other`"),
    ("16-replay-of-04", "demo", 202, "refs/heads/main"),
    ("17-test-web-page", "demo", 202, "refs/heads/main"),
    ("18-push-form-encoded", "form", 202, "refs/heads/main"),
    ("19-push-type-gogs", "form", 202, "refs/heads/main"),
    ("20-push-no-secret", "form", 401, "missing or empty"),
];

#[tokio::test(start_paused = true)]
async fn every_delivery_that_gitea_really_sent_is_answered_as_it_must_be() {
    for (name, repository, status, says) in DELIVERIES {
        let url = format!("http://127.0.0.1:13000/ops/{repository}");
        let site = Site::with(following(&url, "main", CAPTURED)).await;
        for path in ["/webhook/gitea", "/webhook/forgejo", "/webhook/github"] {
            let (got, _, body) = site.ask(from(FORGE), captured(name, path)).await;
            assert_eq!(got.as_u16(), status, "{name} at {path}: {body}");
            // The unsigned one has another header to miss at GitHub's path.
            let says = if status == 401 && path.ends_with("github") { "64 hexadecimal digits" } else { says };
            assert!(body.to_string().contains(says), "{name} at {path}: {body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_for_another_repository_or_of_another_secret_is_not_ours() {
    let site = Site::with(following("http://127.0.0.1:13000/ops/other", "main", CAPTURED)).await;
    let (status, _, body) = site.ask(from(FORGE), captured("02-push-first", "/webhook/gitea")).await;
    assert_eq!((status.as_u16(), body), (200, json!({ "ignored": "another repository" })));
    let site = Site::with(following("http://127.0.0.1:13000/ops/demo", "main", "another-secret-of-16")).await;
    let (status, _, body) = site.ask(from(FORGE), captured("02-push-first", "/webhook/gitea")).await;
    assert_eq!(status.as_u16(), 401, "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_followed_is_a_push_of_ours() {
    let site = Site::with(following("ssh://git@127.0.0.1:12222/ops/demo", "v1", CAPTURED)).await;
    let (status, _, body) = site.ask(from(FORGE), captured("08-push-tag", "/webhook/gitea")).await;
    assert_eq!((status.as_u16(), body), (202, json!({ "accepted": "refs/tags/v1" })));
}

/// A delivery as a forge's documents describe it.
struct Sent {
    forge: Forge,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Sent {
    fn to(forge: Forge, body: &Value) -> Self {
        Self { forge, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    fn request(&self) -> Request<Body> {
        let all = self.headers.iter();
        let request = all.fold(Request::post(self.forge.hook_path()), |request, (name, value)| {
            request.header(*name, value)
        });
        let kind = self.headers.iter().any(|(name, _)| *name == "content-type");
        let request = if kind { request } else { request.header("content-type", "application/json") };
        request.body(Body::from(self.body.clone())).expect("a request")
    }

    /// The headers that hold its proof.
    fn proofs(&self) -> Vec<&'static str> {
        let proofs = ["x-hub-signature-256", "x-hub-signature", "x-gitea-signature", "x-forgejo-signature"];
        let more = ["x-gitlab-token", "webhook-signature"];
        let named = |name: &&'static str| self.headers.iter().any(|(known, _)| known == name);
        proofs.into_iter().chain(more).filter(named).collect()
    }
}

fn hex(body: &[u8]) -> String {
    sign(SECRET, body).trim_start_matches("sha256=").to_owned()
}

fn like_github(forge: Forge, id: &str) -> Sent {
    let repository = json!({ "clone_url": "https://github.com/acme/skills.git", "default_branch": "main" });
    let sent = Sent::to(forge, &json!({ "ref": "refs/heads/main", "repository": repository }));
    match forge {
        Forge::Github => {
            let signature = sign(SECRET, &sent.body);
            sent.with("x-hub-signature-256", signature)
                .with("x-github-event", "push")
                .with("x-github-delivery", id)
        }
        Forge::Gitea => {
            let signature = hex(&sent.body);
            sent.with("x-gitea-signature", signature)
                .with("x-gitea-event", "push")
                .with("x-gitea-delivery", id)
        }
        _ => {
            let signature = hex(&sent.body);
            sent.with("x-forgejo-signature", signature)
                .with("x-forgejo-event", "push")
                .with("x-forgejo-delivery", id)
        }
    }
}

fn gitlab(event: &str, id: &str, reference: &str) -> Sent {
    let project = json!({
        "git_http_url": "https://github.com/acme/skills.git",
        "git_ssh_url": "git@github.com:acme/skills.git",
        "web_url": "https://github.com/acme/skills",
        "default_branch": "main",
    });
    let body = json!({ "object_kind": "push", "event_name": "push", "ref": reference, "project": project });
    Sent::to(Forge::Gitlab, &body)
        .with("x-gitlab-event", event)
        .with("x-gitlab-token", SECRET)
        .with("idempotency-key", id)
}

fn bitbucket_cloud(id: &str, changes: &Value) -> Sent {
    let repository = json!({
        "full_name": "acme/skills",
        "links": { "html": { "href": "https://github.com/acme/skills" } },
    });
    let sent =
        Sent::to(Forge::Bitbucket, &json!({ "push": { "changes": changes }, "repository": repository }));
    let signature = sign(SECRET, &sent.body);
    sent.with("x-hub-signature", signature).with("x-event-key", "repo:push").with("x-request-uuid", id)
}

fn pushed_to_main() -> Value {
    json!([{ "old": null, "new": { "type": "branch", "name": "main" } }])
}

/// A push to `main` from each forge.
fn pushes(id: &str) -> [Sent; 5] {
    [
        like_github(Forge::Github, id),
        like_github(Forge::Gitea, id),
        like_github(Forge::Forgejo, id),
        gitlab("Push Hook", id, "refs/heads/main"),
        bitbucket_cloud(id, &pushed_to_main()),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_push_of_each_forge_brings_a_pass_and_the_same_delivery_none() {
    let site = Site::with(options()).await;
    for sent in pushes("new") {
        let (status, _, body) = site.ask(from(FORGE), sent.request()).await;
        assert_eq!(
            (status.as_u16(), body),
            (202, json!({ "accepted": "refs/heads/main" })),
            "{}",
            sent.forge
        );
    }
    for sent in pushes("seen") {
        let (status, _, body) = site.ask(from(FORGE), sent.request()).await;
        let expected = json!({ "ignored": "this delivery was fetched before" });
        assert_eq!((status.as_u16(), body), (200, expected), "{}", sent.forge);
    }
}

#[tokio::test(start_paused = true)]
async fn no_forge_is_believed_without_its_proof() {
    for sent in pushes("new") {
        let site = Site::with(options()).await;
        for proof in sent.proofs() {
            for wrong in ["", "sha256=", &"0".repeat(64), &format!("sha256={}", "0".repeat(64))] {
                let sent = Sent { body: sent.body.clone(), headers: sent.headers.clone(), ..sent };
                let status = site.status_of(from(FORGE), sent.with(proof, wrong).request()).await;
                assert_eq!(status, 401, "{proof}: {wrong}");
            }
            let sent = Sent { body: sent.body.clone(), headers: sent.headers.clone(), ..sent };
            let (status, _, body) = site.ask(from(FORGE), sent.without(proof).request()).await;
            assert_eq!(status.as_u16(), 401);
            let detail = body["detail"].as_str().expect("a problem");
            assert!(detail.to_lowercase().contains(proof) && detail.contains("secret"), "{detail}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_prove_it_is_limited_at_every_path_together() {
    let limits = Limits { strikes: (3, 100), ..Limits::default() };
    let site = Site::with(Options { limits, ..options() }).await;
    let mut statuses = Vec::new();
    for sent in pushes("new") {
        let proof = sent.proofs()[0];
        statuses.push(site.status_of(from(FORGE), sent.without(proof).request()).await);
    }
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    for sent in pushes("new") {
        assert_eq!(
            site.status_of(from(FORGE), sent.request()).await,
            202,
            "{}: a proven one is not",
            sent.forge
        );
    }
}

#[tokio::test(start_paused = true)]
async fn every_path_keeps_the_rules_of_http() {
    let large = Options { limits: Limits { webhook_body: 64, ..Limits::default() }, ..options() };
    let (site, small) = (Site::with(options()).await, Site::with(large).await);
    let closed = Site::with(Options { webhook_secrets: None, ..options() }).await;
    for sent in pushes("new") {
        let path = sent.forge.hook_path();
        let get = Request::get(&path).body(Body::empty()).expect("a request");
        assert_eq!(site.status_of(from(FORGE), get).await, 405, "{path}");
        assert_eq!(small.status_of(from(FORGE), sent.request()).await, 413, "{path}");
        assert_eq!(closed.status_of(from(FORGE), sent.request()).await, 503, "{path}");
        let form = matches!(sent.forge, Forge::Gitlab | Forge::Bitbucket);
        let kind = if form { "application/x-www-form-urlencoded" } else { "text/plain" };
        assert_eq!(
            site.status_of(from(FORGE), sent.with("content-type", kind).request()).await,
            415,
            "{path}"
        );
    }
    let unknown = Request::post("/webhook/sourcehut").body(Body::empty()).expect("a request");
    assert_eq!(site.status_of(from(FORGE), unknown).await, 404);
}

#[tokio::test(start_paused = true)]
async fn gitlab_pushes_tags_and_other_events_are_told_apart() {
    let site = Site::with(options()).await;
    let cases = [
        (gitlab("Push Hook", "1", "refs/heads/main"), 202, "refs/heads/main"),
        (gitlab("Tag Push Hook", "2", "refs/tags/main"), 202, "refs/tags/main"),
        (gitlab("System Hook", "3", "refs/heads/main"), 202, "refs/heads/main"),
        (gitlab("Tag Push Hook", "4", "refs/tags/v9"), 200, "another ref: `refs/tags/v9`"),
        (gitlab("Merge Request Hook", "5", ""), 200, "the event `Merge Request Hook` is no push"),
        (
            gitlab("Push Hook", "6", "refs/heads/main").without("x-gitlab-event"),
            400,
            "x-gitlab-event header is missing",
        ),
        (gitlab("Push Hook", "7", "refs/heads/main").without("idempotency-key"), 202, "refs/heads/main"),
    ];
    for (sent, status, says) in cases {
        let (got, _, body) = site.ask(from(FORGE), sent.request()).await;
        assert_eq!(got.as_u16(), status, "{body}");
        assert!(body.to_string().contains(says), "`{body}` does not say `{says}`");
    }
}

#[tokio::test(start_paused = true)]
async fn gitlabs_signature_counts_more_than_its_token() {
    let key = base64::engine::general_purpose::STANDARD.encode(b"a key of thirty-two bytes or so.");
    let secret = format!("whsec_{key}");
    let site = Site::with(following("https://github.com/acme/skills", "main", &secret)).await;
    let signed = |key: &str, body: &[u8]| {
        let whole = [b"msg_1.1795000000.".as_slice(), body].concat();
        let digest: reconciler::ids::Digest =
            sign(key, &whole).trim_start_matches("sha256=").parse().expect("a digest");
        format!("v1,{}", base64::engine::general_purpose::STANDARD.encode(digest.as_bytes()))
    };
    let sent = |signature: &str| {
        gitlab("Push Hook", "new", "refs/heads/main")
            .with("x-gitlab-token", "something else")
            .with("webhook-id", "msg_1")
            .with("webhook-timestamp", "1795000000")
            .with("webhook-signature", signature)
    };
    let body = sent("").body;
    let right = signed("a key of thirty-two bytes or so.", &body);
    let wrong = signed("another key", &body);
    for (signature, status) in
        [(right.clone(), 202), (format!("{wrong} {right}"), 202), (wrong, 401), ("v1,AAAA".into(), 401)]
    {
        assert_eq!(site.status_of(from(FORGE), sent(&signature).request()).await, status, "{signature}");
    }
    let replaced = sent(&right).with("webhook-id", "msg_2").with("x-gitlab-token", secret.as_str());
    assert_eq!(
        site.status_of(from(FORGE), replaced.request()).await,
        401,
        "a wrong signature beside a right token"
    );
}

#[tokio::test(start_paused = true)]
async fn bitbucket_names_all_references_of_a_push_at_once() {
    let site = Site::with(options()).await;
    let branch = |name: &str| json!({ "type": "branch", "name": name });
    let cases = [
        (json!([{ "new": branch("dev") }, { "new": branch("main") }]), 202, "refs/heads/main"),
        (json!([{ "old": branch("main"), "new": null }]), 202, "refs/heads/main"),
        (json!([{ "new": { "type": "tag", "name": "main" } }]), 202, "refs/tags/main"),
        (
            json!([{ "new": branch("dev") }, { "new": { "type": "tag", "name": "v1" } }]),
            200,
            "`refs/heads/dev`, `refs/tags/v1`",
        ),
        (json!([]), 200, "another ref"),
        (json!({}), 400, "not that of a push"),
    ];
    for (changes, status, says) in cases {
        let (got, _, body) = site.ask(from(FORGE), bitbucket_cloud("new", &changes).request()).await;
        assert_eq!(got.as_u16(), status, "{changes}: {body}");
        assert!(body.to_string().contains(says), "`{body}` does not say `{says}`");
    }
}

#[tokio::test(start_paused = true)]
async fn bitbucket_of_ones_own_pings_and_pushes() {
    let site = Site::with(options()).await;
    let sent = |event: &str, body: &Value| {
        let sent = Sent::to(Forge::Bitbucket, body);
        let signature = sign(SECRET, &sent.body);
        sent.with("x-hub-signature", signature).with("x-event-key", event).with("x-request-id", "new")
    };
    let (status, _, body) =
        site.ask(from(FORGE), sent("diagnostics:ping", &json!({ "test": true })).request()).await;
    assert_eq!(
        (status.as_u16(), body),
        (200, json!({ "ignored": "the event `diagnostics:ping` is no push" }))
    );
    let clone = json!([{ "name": "ssh", "href": "ssh://git@github.com/acme/skills.git" }]);
    let changes = json!([{ "ref": { "id": "refs/heads/main", "type": "BRANCH" }, "type": "UPDATE" }]);
    let push = json!({ "changes": changes, "repository": { "slug": "skills", "links": { "clone": clone } } });
    assert_eq!(site.status_of(from(FORGE), sent("repo:refs_changed", &push).request()).await, 202);
}

#[tokio::test(start_paused = true)]
async fn where_the_remotes_head_is_followed_and_nobody_knows_it_yet_any_branch_counts() {
    let followed = Followed { reference: Reference::Head, ..options().followed };
    let site = Site::with(Options { followed, ..options() }).await;
    let pushed = bitbucket_cloud("new", &json!([{ "new": { "type": "branch", "name": "trunk" } }]));
    assert_eq!(site.status_of(from(FORGE), pushed.request()).await, 202);
}
