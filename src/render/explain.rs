//! The page of a rule.

use std::fmt;

use reconciler::scan::RuleMeta;

use super::Text;

impl fmt::Display for Text<'_, RuleMeta> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It is ours: there is nothing foreign in it.
        f.write_str(&self.0.page())
    }
}
