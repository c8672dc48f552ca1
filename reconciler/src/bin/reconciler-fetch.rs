//! The child's side of a fetch as a program of its own: for whoever uses the engine as a library
//! (`Source::child`), and for its tests. The service is its own child and does not need it.

use std::ffi::OsString;

use reconciler::source::child;

fn main() -> std::process::ExitCode {
    if std::env::var_os(child::ASKPASS).is_some() {
        return child::askpass(std::io::stdout().lock());
    }
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    child::serve(&arguments, std::io::stdin().lock(), std::io::stdout().lock())
}
