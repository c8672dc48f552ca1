//! The way out: certificate authorities of the operator's, and a real proxy.

use std::path::Path;

use reconciler::report::Remedy;
use reconciler::source::{FetchError, Proxies};

use crate::way::{Authority, Proxy};
use crate::world::{Backend, World, until};

fn start(world: &World, arguments: &[String]) -> Option<Backend> {
    Backend::serve(world, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

fn ours(backend: &Backend, ca_file: Option<&Path>) -> World {
    let mut ours = World::new().url(format!("{}/skills.git", backend.url));
    ours.source.route.ca_file = ca_file.map(Path::to_owned);
    ours
}

#[test]
fn an_authority_of_the_operators_is_believed_and_nobody_else() {
    let Some(authority) = Authority::new() else { return };
    let world = World::new();
    let commit = world.upstream().push("main", "one");
    let Some(backend) = start(&world, &authority.vouch("IP:127.0.0.1", 30)) else { return };
    let ca = authority.path("ca.crt");
    assert_eq!(ours(&backend, Some(&ca)).fetched().commit, commit);
    let unknown = ours(&backend, None).refused();
    assert!(matches!(unknown, FetchError::Tls { .. }), "{unknown}");
    assert!(
        unknown.to_string().contains("CA_FILE") && unknown.to_string().contains("UnknownIssuer"),
        "{unknown}"
    );
    let Some(stranger) = Authority::new() else { return };
    let error = ours(&backend, Some(&stranger.path("ca.crt"))).refused();
    assert!(matches!(error, FetchError::Tls { .. }), "{error}");
    assert_eq!((unknown.remedy(), error.remedy()), (Remedy::Person, Remedy::Person));

    let absent = ours(&backend, Some(Path::new("/nowhere/ca.pem"))).refused();
    assert!(absent.to_string().contains("/nowhere/ca.pem, which CA_FILE names"), "{absent}");
    let nothing = authority.path("nothing");
    std::fs::write(&nothing, "no certificate\n").unwrap();
    let nothing = ours(&backend, Some(&nothing)).refused();
    assert!(nothing.to_string().contains("there is no certificate in PEM form in it"), "{nothing}");
    assert_eq!((absent.remedy(), nothing.remedy()), (Remedy::Person, Remedy::Person));
}

#[test]
fn a_certificate_for_another_name_or_another_time_is_refused() {
    let Some(authority) = Authority::new() else { return };
    let world = World::new();
    world.upstream().push("main", "one");
    let ca = authority.path("ca.crt");
    let Some(other) = start(&world, &authority.vouch("DNS:other.example", 30)) else { return };
    let error = ours(&other, Some(&ca)).refused();
    assert!(matches!(error, FetchError::Tls { .. }), "{error}");
    assert!(
        error.to_string().contains("NotValidForName") || error.to_string().contains("not valid for name"),
        "{error}"
    );
    let Some(old) = start(&world, &authority.vouch("IP:127.0.0.1", -1)) else { return };
    let error = ours(&old, Some(&ca)).refused();
    assert!(matches!(error, FetchError::Tls { .. }), "{error}");
    assert!(error.to_string().to_lowercase().contains("expired"), "{error}");
}

fn by(backend: &Backend, proxy: &str, direct: &str) -> World {
    let mut ours = World::new().url(format!("{}/skills.git", backend.url));
    let proxy = Some(Proxies::check(proxy).unwrap());
    ours.source.route.proxies = Proxies::new(proxy.clone(), proxy, direct);
    ours
}

#[test]
fn a_proxy_is_gone_through_but_for_the_hosts_that_are_named() {
    let Some(authority) = Authority::new() else { return };
    let world = World::new();
    let commit = world.upstream().push("main", "one");
    let Some(proxy) = Proxy::start(None) else { return };
    let Some(plain) = Backend::serve(&world, &[]) else { return };
    let Some(tls) = start(&world, &authority.vouch("IP:127.0.0.1", 30)) else { return };
    for backend in [&plain, &tls] {
        let mut ours = by(backend, &proxy.address, "");
        ours.source.route.ca_file = Some(authority.path("ca.crt"));
        assert_eq!(ours.fetched().commit, commit);
        let port = backend.url.rsplit(':').next().unwrap();
        let connects = || proxy.connects(port);
        let through = until("the proxy has seen it", || Some(connects()).filter(|count| *count > 0));
        let mut direct = by(backend, &proxy.address, "127.0.0.1");
        direct.source.route.ca_file = Some(authority.path("ca.crt"));
        assert_eq!(direct.fetched().commit, commit);
        assert_eq!(connects(), through);
    }
}

#[test]
fn a_proxy_that_is_away_or_refuses_is_named_and_its_password_is_not() {
    let world = World::new();
    let commit = world.upstream().push("main", "one");
    let Some(proxy) = Proxy::start(Some("me s3cret")) else { return };
    let Some(backend) = Backend::serve(&world, &[]) else { return };
    let refused = by(&backend, &format!("http://me:wr0ng@{}", proxy.address), "").refused();
    assert!(matches!(refused, FetchError::Proxy { refused: true, .. }), "{refused}");
    assert!(
        refused.to_string().contains(&proxy.address) && !refused.to_string().contains("wr0ng"),
        "{refused}"
    );
    let right = by(&backend, &format!("http://me:s3cret@{}", proxy.address), "");
    assert_eq!(right.fetched().commit, commit);
    let address = proxy.address.clone();
    drop(proxy);
    let gone = by(&backend, &address, "").refused();
    assert!(matches!(gone, FetchError::Proxy { refused: false, .. }), "{gone}");
    assert!(gone.to_string().contains("HTTPS_PROXY"), "{gone}");
    assert_eq!((refused.remedy(), gone.remedy()), (Remedy::Person, Remedy::Retry(None)));
}
