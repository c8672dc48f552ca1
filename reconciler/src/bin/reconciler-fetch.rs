//! The child's side of a fetch as a program of its own: for whoever uses the engine as a library
//! (`Source::child`), and for its tests. The service is its own child and does not need it.

fn main() -> std::process::ExitCode {
    reconciler::source::child::serve(std::io::stdin().lock(), std::io::stdout().lock())
}
