//! The table of the rules, by id: one file each. Where two refine one pattern, the first here wins.

mod archive_password;
mod bytecode_inside;
mod decode_and_run;
mod demanded_install;
mod disguised_program;
mod download_and_eval;
mod download_and_run;
mod encoded_address;
mod encoded_command;
mod escaping_archive;
mod locked_archive;
mod locked_dropper;
mod lookalike_tool;
mod paste_into_terminal;
mod paste_site;
mod pasted_installer;
mod pipe_to_shell;
mod program_inside;
mod program_link;
mod reverse_shell;
mod scan_incomplete;
mod scan_timeout;
mod unreadable_archive;
mod unvetted_download_run;
mod unvetted_remote_script;

use super::rule::Rule;

/// All rules of this program.
pub(super) static RULES: &[&Rule] = &[
    &archive_password::RULE,
    &bytecode_inside::RULE,
    &decode_and_run::RULE,
    &demanded_install::RULE,
    &disguised_program::RULE,
    &download_and_eval::RULE,
    &download_and_run::RULE,
    &encoded_address::RULE,
    &encoded_command::RULE,
    &escaping_archive::RULE,
    &locked_archive::RULE,
    &locked_dropper::RULE,
    &lookalike_tool::RULE,
    &paste_into_terminal::RULE,
    &paste_site::RULE,
    &pasted_installer::RULE,
    &pipe_to_shell::RULE,
    &program_inside::RULE,
    &program_link::RULE,
    &reverse_shell::RULE,
    &scan_incomplete::RULE,
    &scan_timeout::RULE,
    &unreadable_archive::RULE,
    &unvetted_download_run::RULE,
    &unvetted_remote_script::RULE,
];

#[cfg(test)]
mod tests;
