//! The user that the agent runs as.

use std::path::PathBuf;

/// Where users have their names and homes.
const USERS: &str = "/etc/passwd";

/// Whether a user has a name on this system.
pub(crate) fn has_name(uid: u32) -> bool {
    home(uid).is_some()
}

/// The home directory of a user by its number; none where the system does not know it.
pub(super) fn home(uid: u32) -> Option<PathBuf> {
    home_in(&std::fs::read_to_string(USERS).ok()?, uid)
}

fn home_in(users: &str, uid: u32) -> Option<PathBuf> {
    let uid = uid.to_string();
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.nth(2) == Some(uid.as_str());
        fields.nth(2).filter(|home| is_it && !home.is_empty()).map(PathBuf::from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_the_home_that_the_system_knows() {
        let users =
            "root:x:0:0:root:/root:/bin/bash\n# none\nnode:x:1000:1000::/home/node:/bin/sh\nx:x:7:7:::\n";
        assert_eq!(home_in(users, 1000), Some(PathBuf::from("/home/node")));
        assert_eq!(home_in(users, 0), Some(PathBuf::from("/root")));
        assert_eq!(home_in(users, 7), None);
        assert_eq!(home_in(users, 4), None);
    }
}
