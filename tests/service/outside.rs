//! A notice that must find its way out: by a real proxy, to a server whose certificate an authority of the operator's
//! made.

use super::front::Front;
use super::telling::{Board, remembers, serve};
use super::way::{Authority, Proxy};
use super::*;

const BROKEN: &str = "---\nname: two-riders\n---\nText.\n";

#[test]
fn a_notice_goes_by_the_proxy_to_a_server_whose_authority_is_the_operators() {
    let Some(authority) = Authority::new() else { return };
    let Some(proxy) = Proxy::start(Some("me of-the-proxy")) else { return };
    let (place, board) = (Place::new(), Board::new());
    place.push_text("two-riders.md", BROKEN);
    let plain = board.url.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.split('/').next());
    let front = Front::start(plain.expect("a port"), &authority.vouch("IP:127.0.0.1", 30));
    let (url, ca) = (format!("{}/services/s3cret", front.url), authority.path("ca.crt"));
    let ca = ("CA_FILE", ca.to_str().expect("text"));
    let by = |password: &str| format!("http://me:{password}@{}", proxy.address);
    let (right, wrong) = (by("of-the-proxy"), by("of-nobody"));
    let url = ("NOTIFY_URL", url.as_str());
    let (right, wrong) = (("HTTPS_PROXY", right.as_str()), ("HTTPS_PROXY", wrong.as_str()));

    let refused = |variables: &[(&str, &str)]| {
        let service = serve(&place, variables);
        let error = service.logged("error")["error"].as_str().expect("text").to_owned();
        assert!(!error.contains("s3cret") && !error.contains("of-"), "{error}");
        error
    };
    let error = refused(&[url, right]);
    assert!(error.contains("UnknownIssuer") && error.contains("name its authority by CA_FILE"), "{error}");
    let error = refused(&[url, right, ("CA_FILE", "/nowhere/ca.pem")]);
    assert!(error.contains("/nowhere/ca.pem, which CA_FILE names"), "{error}");
    let error = refused(&[url, wrong, ca]);
    assert!(error.contains(&proxy.address) && error.contains("does not let us through"), "{error}");
    assert!(board.holds(&[]));

    let through = proxy.connects(front.port());
    let service = serve(&place, &[url, right, ca]);
    until("it is told", || board.holds(&[("held", "two-riders")]));
    assert!(proxy.connects(front.port()) > through, "not by the proxy");
    until("it is remembered", || remembers(&place, "held/two-riders"));
    drop(service);

    let through = proxy.connects(front.port());
    let _service = serve(&place, &[url, wrong, ca, ("NO_PROXY", "127.0.0.1")]);
    place.push("two-riders.md", "Rides.");
    until("it is told without the proxy", || {
        board.holds(&[("held", "two-riders"), ("mended", "two-riders")])
    });
    assert_eq!(proxy.connects(front.port()), through);
}
