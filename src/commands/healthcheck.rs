//! `healthcheck`: asks the local service whether it is alive, and says nothing where it is.
//!
//! Beside a supervised agent `PORT` is the agent's, and this verb does not know whether there is one:
//! unless `SKILL_SYNC_PORT` says where we listen, the control socket is asked first.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use hyper::{Method, StatusCode};

use super::{Context, Done};
use crate::control::{Answer, AskError, Client, ask_network};

/// How long it may take to say so: health checks of containers allow little more.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is asked.
const LIVEZ: &str = "/livez";

/// Asks `/livez`.
pub(crate) fn run(context: &Context) -> Done {
    let http = &context.settings.http;
    let state = (!http.named).then(|| context.state()).transpose()?;
    Ok(check(state.as_deref(), local(http.host, http.port)).map(|()| ExitCode::SUCCESS)?)
}

fn check(state: Option<&Path>, address: SocketAddr) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start a thread to ask with")?;
    let answer = runtime.block_on(ask(state, address))?;
    if answer.status != StatusCode::OK {
        let detail = answer.body["detail"].as_str().unwrap_or("it did not say why");
        bail!("the service at {address} is not well: {detail}");
    }
    Ok(())
}

async fn ask(state: Option<&Path>, address: SocketAddr) -> Result<Answer, AskError> {
    if let Some(state) = state {
        match Client::new(state).ask(Method::GET, LIVEZ, PATIENCE).await {
            // Another user's socket, or none: the network says more.
            Err(AskError::NotRunning { .. } | AskError::Unreachable { .. }) => {}
            answered => return answered,
        }
    }
    ask_network(address, LIVEZ, PATIENCE).await
}

/// Where a service that listens everywhere is reached from here; it takes IPv4 as well.
fn local(host: IpAddr, port: u16) -> SocketAddr {
    let host = if host.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { host };
    SocketAddr::new(host, port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_listens_everywhere_is_asked_here() {
        for (host, asked) in
            [("::", "127.0.0.1:3000"), ("0.0.0.0", "127.0.0.1:3000"), ("10.0.0.5", "10.0.0.5:3000")]
        {
            let host = host.parse().expect("an address");
            assert_eq!(local(host, 3000).to_string(), asked);
        }
    }

    #[test]
    fn nobody_listening_is_not_well() {
        let free =
            std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
        let error = check(None, free).expect_err("nobody listens").to_string();
        assert!(error.contains("nobody listens on"), "{error}");
    }
}
