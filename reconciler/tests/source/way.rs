//! What lies between us and a server: an authority for its certificate, and a real proxy.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a proxy may take to listen.
const DEADLINE: Duration = Duration::from_secs(60);

/// Says that something was not tested; where everything must be, that is a failure.
fn skip(what: &str) {
    assert!(std::env::var_os("SKILL_SYNC_REQUIRE_REAL").is_none_or(|v| v != "1"), "skipped: {what}");
    println!("skipped: {what}");
}

/// A certificate authority, and what it vouches for.
pub(crate) struct Authority {
    dir: tempfile::TempDir,
}

impl Authority {
    pub(crate) fn new() -> Option<Self> {
        let ours = Self { dir: tempfile::tempdir().unwrap() };
        let made = ours.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "30",
            "-subj",
            "/CN=the authority of a story",
            "-keyout",
            "ca.key",
            "-out",
            "ca.crt",
        ]);
        if !made {
            skip("certificates, because there is no openssl to make them");
            return None;
        }
        Some(ours)
    }

    fn openssl(&self, arguments: &[&str]) -> bool {
        let done = Command::new("openssl").current_dir(self.dir.path()).args(arguments).output();
        done.is_ok_and(|done| done.status.success())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The arguments of a server with a certificate for a name that ends after some days; a negative number
    /// of them is in the past.
    pub(crate) fn vouch(&self, name: &str, days: i32) -> Vec<String> {
        std::fs::write(self.path("ext"), format!("subjectAltName={name}\nbasicConstraints=CA:FALSE\n"))
            .unwrap();
        let made = self.openssl(&[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-subj",
            "/CN=server",
            "-keyout",
            "key",
            "-out",
            "csr",
        ]) && self.openssl(&[
            "x509",
            "-req",
            "-in",
            "csr",
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            &days.to_string(),
            "-extfile",
            "ext",
            "-out",
            "crt",
        ]);
        assert!(made, "a certificate for {name}");
        let shown = |name: &str| self.path(name).to_str().unwrap().to_owned();
        vec!["--cert".to_owned(), shown("crt"), "--key".to_owned(), shown("key")]
    }
}

/// A real proxy (tinyproxy); it ends with this value.
pub(crate) struct Proxy {
    child: Child,
    dir: tempfile::TempDir,
    pub(crate) address: String,
}

impl Proxy {
    pub(crate) fn start(user: Option<&str>) -> Option<Self> {
        if !Path::new("/usr/bin/tinyproxy").exists() {
            skip("what goes by a proxy, because there is no tinyproxy in /usr/bin");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let user = user.map(|user| format!("BasicAuth {user}\n")).unwrap_or_default();
        let text = format!(
            "Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nLogLevel Connect\nLogFile \"{}\"\n{user}",
            dir.path().join("log").display()
        );
        std::fs::write(dir.path().join("config"), text).unwrap();
        let child = Command::new("/usr/bin/tinyproxy")
            .arg("-d")
            .arg("-c")
            .arg(dir.path().join("config"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = format!("127.0.0.1:{port}");
        let end = Instant::now() + DEADLINE;
        while std::net::TcpStream::connect(&address).is_err() {
            assert!(Instant::now() < end, "the proxy does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Self { child, dir, address })
    }

    /// How often somebody was let through to a port of this machine.
    pub(crate) fn connects(&self, port: &str) -> usize {
        let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        log.lines().filter(|line| line.contains(&format!("CONNECT 127.0.0.1:{port}"))).count()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
