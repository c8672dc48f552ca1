//! Secrets that are exchanged in their files under a running service.

use super::telling::Board;
use super::*;

/// Replaces a file whole.
fn exchange(file: &Path, text: &str) {
    let staged = file.with_extension("new");
    std::fs::write(&staged, text).expect("written");
    std::fs::rename(&staged, file).expect("in place");
}

#[test]
fn webhook_secret_api_token_and_notice_address_are_exchanged_without_a_restart() {
    let (place, [old, new]) = (Place::new(), [Board::new(), Board::new()]);
    let file = |name: &str| place.root.path().join(name);
    let (secret, token, address) = (file("secret"), file("token"), file("address"));
    exchange(&secret, "this one is not of the forge\n");
    exchange(&token, "the old token\n");
    exchange(&address, &old.url);
    let mut command = place.command(&["run"]);
    command.env_remove("GITHUB_WEBHOOK_SECRET").env("GITHUB_WEBHOOK_SECRET_FILE", &secret);
    command.env("API_TOKEN_FILE", &token).env("NOTIFY_URL_FILE", &address);
    let service = Service::start(&mut command);
    until("it serves", || service.is_ready());
    let broken =
        |name: &str| place.push_text(&format!("{name}.md"), &format!("---\nname: {name}\n---\nText.\n"));
    let with = |token: &str| service.request(&format!("GET /status|authorization: Bearer {token}\r\n"), "").0;

    broken("two-riders");
    assert_eq!(service.deliver("1", &place.repo()).0, 401);
    exchange(&secret, SECRET);
    assert_eq!(service.deliver("2", &place.repo()).0, 202);
    until("it is told where it was", || old.holds(&[("held", "two-riders")]));

    assert_eq!((with("the old token"), with("the new token")), (200, 403));
    exchange(&token, "the new token\n");
    assert_eq!((with("the old token"), with("the new token")), (403, 200));

    exchange(&address, &new.url);
    broken("three-riders");
    assert_eq!(service.deliver("3", &place.repo()).0, 202);
    until("it is told where it is now", || new.holds(&[("held", "three-riders")]));
    assert!(old.holds(&[("held", "two-riders")]));
}
