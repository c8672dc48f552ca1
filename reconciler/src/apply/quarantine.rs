//! Moves what somebody planted off the volume, with its bytes as they are.

use rustix::io::Errno;

use super::{ApplyError, failed};
use crate::ids::PassId;
use crate::target::Locked;
use crate::volume::Directory;

/// Where in the state directory it goes.
pub const QUARANTINE: &str = "quarantine";

/// How much of a name is taken over: a name that is made longer must still be one.
const NAME: usize = 100;

/// Moves a path of the volume into the quarantine by one rename; gives its path below the state
/// directory, or none where it is gone already.
///
/// Who dies between the rename and the record leaves it in the quarantine under the number of the pass:
/// nothing is lost, and only the record lacks it.
///
/// # Errors
/// [`ApplyError::Io`]; it stays where it was then.
pub(crate) fn quarantine(
    target: &Locked<'_>,
    pass: PassId,
    path: &str,
) -> Result<Option<String>, ApplyError> {
    let what = || format!("move `{path}` to the quarantine");
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = match target.target().directory().below(above) {
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
        parent => parent.map_err(failed(what))?,
    };
    let into = open(target).map_err(failed(what))?;
    let short: String = name.chars().take(NAME).collect();
    for number in 1_u32.. {
        let to = format!("{pass}-{number}-{short}");
        match parent.rename_new(name, &into, &to) {
            Err(Errno::EXIST) => continue,
            Err(Errno::NOENT) => return Ok(None),
            moved => moved.map_err(failed(what))?,
        }
        into.sync().and_then(|()| parent.sync()).map_err(failed(what))?;
        return Ok(Some(format!("{QUARANTINE}/{to}")));
    }
    Ok(None)
}

fn open(target: &Locked<'_>) -> rustix::io::Result<Directory> {
    let state = target.target().state_directory();
    match state.make(QUARANTINE, 0o700) {
        Err(Errno::EXIST) => state.child(QUARANTINE),
        made => {
            state.sync()?;
            made
        }
    }
}
