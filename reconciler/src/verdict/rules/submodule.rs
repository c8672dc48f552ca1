//! Another repository inside a skill.

use super::{Check, Hit, Rule};
use crate::desired::{ContentError, EntryKind};
use crate::verdict::subject::Subject;

/// `submodule`.
pub(crate) static RULE: Rule = Rule {
    help: "Copy the files into the skill's directory, or move the submodule out of it.",
    why: "A submodule is a pointer to a commit of another repository: its files are not in this one, and would be missing from the skill.",
    ..Rule::error("submodule", "a submodule is inside the skill", Check::Skill(check))
};

fn check(subject: &Subject<'_>) -> Result<Vec<Hit>, ContentError> {
    let message = "a submodule is inside the skill; its files are not in this repository";
    let submodules = subject.opened.members.iter().filter(|member| member.kind == EntryKind::Submodule);
    Ok(submodules.map(|member| Hit::member(subject, &member.path, message)).collect())
}

#[cfg(test)]
mod tests {
    use crate::verdict::rules::testing::*;

    #[test]
    fn it_is_found_inside_a_skill() {
        let skill = skill("a");
        let found = hits_in_git("submodule", &[(b"a", tree(vec![entry(&skill), (b"lib", Made::Submodule)]))]);
        assert_eq!(found[0].path, "a/lib");
    }

    #[test]
    fn it_is_not_found_beside_one() {
        let skill = skill("a");
        let top = [(&b"a"[..], tree(vec![entry(&skill)])), (b"lib", Made::Submodule)];
        assert_eq!(hits_in_git("submodule", &top), []);
    }
}
