//! What the child does to itself before it touches anything foreign.

use rustix::process::{
    DumpableBehavior, Pid, Resource, Rlimit, Signal, getppid, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
};

/// Dies with the parent from here on, and shows its memory to nobody.
///
/// The parent's death is told once, and only to who asked before: a parent that is already gone is
/// seen by its number.
pub(super) fn bind_to(parent: u32) -> Result<(), String> {
    let failed = |what: &str, error: rustix::io::Errno| format!("{what}: {error}");
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|e| failed("parent-death signal", e))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|e| failed("dumpable", e))?;
    let is_parent = |pid: Pid| u32::try_from(pid.as_raw_nonzero().get()).is_ok_and(|pid| pid == parent);
    if getppid().is_some_and(is_parent) { Ok(()) } else { Err("its parent is gone".to_owned()) }
}

/// Takes no more data than `max_memory` bytes, and leaves no core file, which would hold secrets.
pub(super) fn confine(max_memory: u64) -> Result<(), String> {
    let limit = |resource, bytes| {
        let rlimit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
        setrlimit(resource, rlimit).map_err(|error| format!("{resource:?} limit: {error}"))
    };
    limit(Resource::Core, 0)?;
    limit(Resource::Data, max_memory)
}
