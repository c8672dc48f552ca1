//! libgit2's process-wide state, set once, before anything opens a repository. The one file with
//! `unsafe`: settings of libgit2 are plain C globals.
#![allow(
    unsafe_code,
    reason = "libgit2's options and transports are C globals; each use says why it is sound"
)]

use std::path::Path;
use std::sync::{Mutex, Once, PoisonError};

use git2::transport::Transport;
use git2::{ConfigLevel, Error, Remote, Repository};

/// Guards the C globals that are written below.
static GLOBALS: Mutex<()> = Mutex::new(());

/// Makes libgit2 forget the machine's and the user's git configuration (an `insteadOf` there could
/// send a fetch, and its credentials, elsewhere) and take repositories of another owner (a volume or a
/// bind mount often is), and keep no object that was read.
pub(super) fn initialise() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _guard = GLOBALS.lock().unwrap_or_else(PoisonError::into_inner);
        for level in [ConfigLevel::ProgramData, ConfigLevel::System, ConfigLevel::XDG, ConfigLevel::Global] {
            // SAFETY: a write to a C global. `Once` lets one thread through and holds all others
            // back, and every use of libgit2 in this crate comes after this function.
            let emptied = unsafe { git2::opts::set_search_path(level, "") };
            debug_assert!(emptied.is_ok(), "libgit2 takes an empty search path at every level");
        }
        // SAFETY: as above.
        let off = unsafe { git2::opts::set_verify_owner_validation(false) };
        debug_assert!(off.is_ok(), "libgit2 always takes this option");
        // A tree that was read would stay in memory as long as the mirror is open, 680 bytes for one of a
        // single file; what is asked for again, the pass itself remembers.
        git2::opts::enable_caching(false);
    });
}

/// Opens a bare repository of ours.
pub(super) fn open_bare(path: &Path) -> Result<Repository, Error> {
    initialise();
    Repository::open_bare(path)
}

/// Sends every URL of these schemes in this process through transports that `make` builds.
///
/// # Errors
/// Where the process has registered one before: a process runs one fetch.
pub(super) fn register<F>(schemes: &[&str], make: F) -> Result<(), Error>
where
    F: Fn(&Remote<'_>) -> Result<Transport, Error> + Clone + Send + Sync + 'static,
{
    initialise();
    let _guard = GLOBALS.lock().unwrap_or_else(PoisonError::into_inner);
    for scheme in schemes {
        // SAFETY: `register` wants no transport to be created at the same time. Only the child of a
        // fetch registers, before it makes its first remote, and it makes remotes on one thread.
        unsafe { git2::transport::register(scheme, make.clone()) }?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_configuration_of_the_machine_or_the_user_is_read() {
        initialise();
        for level in [ConfigLevel::ProgramData, ConfigLevel::System, ConfigLevel::XDG, ConfigLevel::Global] {
            // SAFETY: nothing writes these globals after `initialise`.
            let path = unsafe { git2::opts::get_search_path(level) }.unwrap();
            assert!(path.is_empty(), "{level:?}: {path:?}");
        }
    }
}
