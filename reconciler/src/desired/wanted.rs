//! Which skills are wanted: the include and exclude globs, over skill paths.

use globset::{GlobSet, GlobSetBuilder};

use crate::options::Selection;

/// The globs of a selection, compiled.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Wanted {
    /// Compiles the globs of a selection.
    ///
    /// # Errors
    /// Where they are too large together.
    pub fn new(selection: &Selection) -> Result<Self, globset::Error> {
        let include = match selection.include.as_slice() {
            [] => None,
            globs => Some(compile(globs)?),
        };
        Ok(Self { include, exclude: compile(&selection.exclude)? })
    }

    /// Whether every skill is wanted.
    pub(super) fn is_all(&self) -> bool {
        self.include.is_none() && self.exclude.is_empty()
    }

    /// Whether a skill is wanted: by its id or by its path, whichever a glob names. For a flat skill
    /// they differ (`golden-horde` and `golden-horde.md`).
    pub fn wants(&self, id: &str, path: &str) -> bool {
        let hit = |globs: &GlobSet| globs.is_match(id) || globs.is_match(path);
        self.include.as_ref().is_none_or(hit) && !hit(&self.exclude)
    }
}

fn compile(globs: &[globset::Glob]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(glob.clone());
    }
    set.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(include: &[&str], exclude: &[&str]) -> Wanted {
        let globs = |texts: &[&str]| texts.iter().map(|t| globset::Glob::new(t).unwrap()).collect();
        let selection =
            Selection { include: globs(include), exclude: globs(exclude), ..Selection::default() };
        Wanted::new(&selection).unwrap()
    }

    #[test]
    fn without_globs_everything_is_wanted() {
        assert!(wanted(&[], &[]).wants("a", "a.md"));
    }

    #[test]
    fn a_glob_names_a_skill_by_its_id_or_by_its_path() {
        let only = wanted(&["golden-*", "pdf-tools"], &[]);
        assert!(only.wants("golden-horde", "golden-horde.md"));
        assert!(only.wants("pdf-tools", "pdf-tools"));
        assert!(!only.wants("other", "other.md"));
        assert!(wanted(&["*.md"], &[]).wants("golden-horde", "golden-horde.md"));
    }

    #[test]
    fn an_exclusion_wins_over_an_inclusion() {
        let some = wanted(&["team/**"], &["team/draft-*"]);
        assert!(some.wants("team/pdf", "team/pdf"));
        assert!(!some.wants("team/draft-x", "team/draft-x"));
        assert!(!some.wants("pdf", "pdf"));
    }
}
