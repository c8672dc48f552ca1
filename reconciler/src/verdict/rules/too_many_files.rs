//! A skill with too much in it.

use super::{Check, Hit, Rule};
use crate::desired::ContentError;
use crate::verdict::subject::Subject;

/// `too-many-files`.
pub(crate) static RULE: Rule = Rule {
    help: "Split the skill, or keep what is generated or downloaded out of git.",
    why: "Real skills have 3 files at the median and 1,104 at the most; a tree without end would fill memory and volume.",
    ..Rule::error("too-many-files", "the skill holds too many files", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let over = subject.opened.over.as_ref();
    Ok(over.map(|what| Hit::member(subject, b"", format!("the skill holds {what}"))).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    #[test]
    fn a_tree_that_names_itself_again_and_again_is_cut() {
        let skill = skill("a");
        let many = |one| Made::Many(22, Box::new(one));
        let bomb = many(many(many(many(many(file(b"x"))))));
        let found = hits_in_git("too-many-files", &[(b"a", tree(vec![entry(&skill), (b"t", bomb)]))]);
        assert!(found[0].message.contains("more than 10000"), "{}", found[0].message);
    }

    #[test]
    fn as_many_as_the_largest_real_skill_are_not() {
        let skill = skill("a");
        let names: Vec<String> = (0..1_104).map(|n| format!("a/{n}.txt")).collect();
        let mut files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
        files.push(("a/SKILL.md", skill.as_bytes()));
        assert_eq!(hits("too-many-files", &files), []);
    }
}
