//! The control socket: the service's routes for the operator of this machine, and the CLI's way to
//! ask for them.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, unlinkat};
use tokio::net::{UnixListener, UnixStream};

use crate::http::auth::Peer;
use crate::http::server::Accept;

mod client;

pub(crate) use client::{Answer, AskError, Client, ask_network};

/// The socket's name in the state directory.
const NAME: &str = "control.sock";

/// Where the control socket of a state directory is, for messages.
pub(crate) fn socket_path(state: &Path) -> PathBuf {
    state.join(NAME)
}

/// Says why the control socket cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on the control socket `{}`; check the state directory's permissions and file system", path.display())]
pub(crate) struct SocketError {
    path: PathBuf,
    source: io::Error,
}

/// The control socket, open for our own user and root; removed when it is dropped.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    listener: UnixListener,
    state: OwnedFd,
}

impl ControlSocket {
    /// Listens in a state directory, which must be locked by us: a socket that is there already was
    /// left by a service that died.
    ///
    /// # Errors
    /// Where the file system has no sockets, or the directory is not ours.
    pub(crate) fn listen(state: &Path) -> Result<Self, SocketError> {
        Self::bind(state).map_err(|source| SocketError { path: socket_path(state), source })
    }

    fn bind(state: &Path) -> io::Result<Self> {
        let state = open_directory(state)?;
        match unlinkat(&state, NAME, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let path = short_path(&state);
        let listener = UnixListener::bind(&path)?;
        // Until here only the directory's mode and the peer's credentials keep others out; they
        // still do after it.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, state })
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // The next start removes what is left.
        let _ = unlinkat(&self.state, NAME, AtFlags::empty());
    }
}

impl Accept for ControlSocket {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<Option<(UnixStream, Peer)>> {
        let (stream, _) = self.listener.accept().await?;
        let Ok(user) = stream.peer_cred().map(|peer| peer.uid()) else { return Ok(None) };
        if user != 0 && user != rustix::process::geteuid().as_raw() {
            tracing::warn!(user, "another user was turned away from the control socket");
            return Ok(None);
        }
        Ok(Some((stream, Peer::Operator(user))))
    }
}

fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// A path of any length holds at most 108 bytes as a socket's address: this one always fits.
fn short_path(directory: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{NAME}", directory.as_fd().as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    use std::time::Duration;

    use axum::Router;
    use axum::routing::get;
    use hyper::Method;
    use tempfile::tempdir;
    use tokio::sync::watch;

    use super::*;
    use crate::http::limits::Limits;
    use crate::http::server;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_state_directory_with_a_long_path_has_a_socket_of_its_own_user_alone() {
        let root = tempdir().expect("a directory");
        let state = root.path().join("d".repeat(150));
        std::fs::create_dir(&state).expect("created");
        std::fs::write(socket_path(&state), "left behind").expect("written");

        let socket = ControlSocket::listen(&state).expect("it listens");
        let found = std::fs::symlink_metadata(socket_path(&state)).expect("it is there");
        assert!(found.file_type().is_socket());
        assert_eq!(found.mode() & 0o777, 0o600);

        let router = Router::new().route("/status", get(|| async { axum::Json(42) }));
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(server::serve(socket, router, Limits::default(), stopped));
        let answer = Client::new(&state).ask(Method::GET, "/status", SOON).await.expect("an answer");
        assert_eq!((answer.status.as_u16(), answer.body), (200, serde_json::json!(42)));

        stop.send(true).expect("it serves");
        serving.await.expect("no panic");
        assert!(!socket_path(&state).exists(), "it is gone with the service");
        let error = Client::new(&state).ask(Method::GET, "/status", SOON).await.expect_err("nobody there");
        assert!(matches!(error, AskError::NotRunning { .. }), "{error}");
        assert!(error.to_string().contains("control.sock"), "{error}");
    }

    #[tokio::test]
    async fn a_service_that_died_is_told_from_one_that_hangs() {
        let state = tempdir().expect("a directory");
        let listener = std::os::unix::net::UnixListener::bind(socket_path(state.path())).expect("bound");
        let asked = Client::new(state.path()).ask(Method::GET, "/livez", Duration::from_millis(50)).await;
        assert!(matches!(asked, Err(AskError::TooSlow { .. })), "{asked:?}");
        drop(listener);
        let asked = Client::new(state.path()).ask(Method::GET, "/livez", SOON).await;
        assert!(matches!(asked, Err(AskError::NotRunning { .. })), "{asked:?}");
    }
}
