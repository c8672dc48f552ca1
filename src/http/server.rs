//! The accept loop: `axum::serve` knows no deadline and no cap on connections, this does.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::auth::Peer;
use super::limits::Limits;
use patient::Patient;

mod patient;

/// How many connections the system may hold for us until we accept them.
const BACKLOG: i32 = 1_024;

/// The longest head of a request, in bytes.
const HEAD: usize = 32 << 10;

/// How long to wait where accepting fails: out of descriptors, mostly, which only time mends.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// How long open connections have to finish once the service stops.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// How much of a body that was refused is still read, in bytes, so that its sender reads the answer
/// instead of a reset connection; and for how long.
const LINGER: (u64, Duration) = (32 << 20, Duration::from_secs(2));

/// Says why the service cannot listen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    /// Somebody else does.
    #[error(
        "cannot listen on {address}: another process does already; stop it, or choose another SKILL_SYNC_PORT"
    )]
    Taken {
        /// The address.
        address: SocketAddr,
    },
    /// The system refuses.
    #[error("cannot listen on {address}; check HOST and SKILL_SYNC_PORT")]
    Refused {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// Listens on an address: `::` takes IPv4 as well, and only IPv4 where the machine has no IPv6.
///
/// # Errors
/// A port that is taken, an address that is not ours.
pub(crate) fn listen(host: IpAddr, port: u16) -> Result<TcpListener, ListenError> {
    let address = SocketAddr::new(host, port);
    match bind(address) {
        Err(error) if host == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && is_without_ipv6(&error) => {
            listen(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(ListenError::Taken { address }),
        Err(source) => Err(ListenError::Refused { address, source }),
        Ok(listener) => Ok(listener),
    }
}

fn is_without_ipv6(error: &io::Error) -> bool {
    let absent = [rustix::io::Errno::AFNOSUPPORT, rustix::io::Errno::ADDRNOTAVAIL];
    absent.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        // The system's default is a setting of the machine; ours is not.
        sockopt::set_ipv6_v6only(&socket, false)?;
    }
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

/// Where connections come from.
pub(crate) trait Accept: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection and who is at its other end; none where that one is not let in.
    fn accept(&self) -> impl Future<Output = io::Result<Option<(Self::Stream, Peer)>>> + Send;
}

impl Accept for tokio::net::TcpListener {
    type Stream = tokio::net::TcpStream;

    async fn accept(&self) -> io::Result<Option<(Self::Stream, Peer)>> {
        let (stream, address) = match self.accept().await {
            Err(error) if is_callers_affair(&error) => return Ok(None),
            accepted => accepted?,
        };
        // A caller that has hung up already has no delay to speak of.
        let _ = stream.set_nodelay(true);
        Ok(Some((stream, Peer::Network(address))))
    }
}

/// Whether a connection broke before we took it: no reason to pause.
fn is_callers_affair(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

/// Serves connections until `stop` says so (or its sender is gone), and then lets the open ones
/// finish for a moment.
pub(crate) async fn serve(
    listener: impl Accept,
    router: Router,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(limits.connections));
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = next(&listener, &room) => accepted,
        };
        match accepted {
            Ok(Some((stream, peer, permit))) => {
                let (router, stop) = (router.clone(), stop.clone());
                open.spawn(async move {
                    connection(stream, peer, router, limits.patience, stop).await;
                    drop(permit);
                });
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection; trying again");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let finished = async { while open.join_next().await.is_some() {} };
    drop(tokio::time::timeout(STOP_GRACE, finished).await);
}

type Accepted<S> = (S, Peer, tokio::sync::OwnedSemaphorePermit);

async fn next<A: Accept>(listener: &A, room: &Arc<Semaphore>) -> io::Result<Option<Accepted<A::Stream>>> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    Ok(listener.accept().await?.map(|(stream, peer)| (stream, peer, permit)))
}

/// One connection: its requests in turn, each head within `patience`, and no write that waits longer.
async fn connection<S>(
    stream: S,
    peer: Peer,
    router: Router,
    patience: Duration,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        Box::pin(router.clone().oneshot(request))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(Patient::new(stream, patience)), service);
    let mut stopping = false;
    let served = loop {
        tokio::select! {
            served = std::future::poll_fn(|context| connection.poll_without_shutdown(context)) => break served,
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    match served {
        Ok(()) => linger(connection.into_parts().io.into_inner()).await,
        // A caller that hung up, was too slow or spoke no HTTP: its own affair.
        Err(error) => tracing::debug!(%error, "a connection broke off"),
    }
}

/// Says that we are done, and reads on for a moment: closing a socket with unread bytes resets it,
/// and the answer would be lost to a caller that still sends.
async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let (bytes, time) = LINGER;
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut rest = stream.take(bytes);
    let drained = async {
        let mut buffer = [0; 8 << 10];
        while rest.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    };
    drop(tokio::time::timeout(time, drained).await);
}

#[cfg(test)]
mod tests;
