//! The order on disk.

use crate::scene::Scene;

pub(crate) fn check(_scene: &Scene) {}
