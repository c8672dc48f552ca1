//! What ends an attempt to open an engine, or a pass, and who must act then.

use crate::apply::ApplyError;
use crate::cancel::Cancelled;
use crate::desired::DesiredError;
use crate::guard::Guard;
use crate::observed::LookError;
use crate::orders::Suspended;
use crate::policy::PolicyError;
use crate::record::RecordError;
use crate::report::Remedy;
use crate::source::{MirrorError, SignatureError, SourceError};
use crate::target::TargetError;
use crate::verdict::JudgeError;
use crate::window::WindowClosed;

/// Says why an engine cannot be opened.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the module that it names")]
pub enum OpenError {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl OpenError {
    /// Who must act.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Target(error) => error.remedy(),
            Self::Mirror(error) => error.remedy(),
            Self::Record(error) => error.remedy(),
        }
    }
}

/// Says why a pass ended before the volume was what git says.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is the error of the module that it names")]
pub enum PassError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error(transparent)]
    Desired(#[from] DesiredError),
    #[error(transparent)]
    Judge(#[from] JudgeError),
    #[error(transparent)]
    Look(#[from] LookError),
    #[error(transparent)]
    Guard(#[from] Guard),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("the pass was asked to stop; the next one goes on")]
    Cancelled(#[from] Cancelled),
    #[error(transparent)]
    Suspended(#[from] Suspended),
    #[error(transparent)]
    WindowClosed(#[from] WindowClosed),
    /// `HOLD=revision`, and not every skill of it may enter.
    #[error(
        "{held} held and HOLD=revision serves a commit whole or not at all: mend what is held, or set \
         HOLD=skill to serve the rest",
        held = if *.held == 1 { "1 skill is".to_owned() } else { format!("{} skills are", .held) }
    )]
    RevisionHeld { held: usize },
}

impl PassError {
    /// Who must act: it decides the outcome of the pass.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Open(error) => error.remedy(),
            Self::Target(error) => error.remedy(),
            Self::Policy(error) => error.remedy(),
            Self::Source(error) => error.remedy(),
            Self::Signature(error) => error.remedy(),
            Self::Mirror(error) => error.remedy(),
            Self::Desired(error) => error.remedy(),
            Self::Judge(error) => error.remedy(),
            Self::Look(error) => error.remedy(),
            Self::Apply(error) => error.remedy(),
            Self::Record(error) => error.remedy(),
            Self::Guard(_) => Remedy::Confirm,
            Self::Suspended(_) | Self::WindowClosed(_) => Remedy::Resume,
            Self::Cancelled(_) => Remedy::Retry(None),
            Self::RevisionHeld { .. } => Remedy::Person,
        }
    }
}
