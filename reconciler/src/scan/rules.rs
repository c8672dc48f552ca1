//! The table of the rules, by id: one file each. Where two refine one pattern, the first here wins.

mod address_carries_data;
mod approvals_off;
mod archive_password;
mod bytecode_inside;
mod captured_input;
mod concealed_action;
mod conceals;
mod credential_files;
mod credentials_sent;
mod data_sink;
mod decode_and_run;
mod demanded_install;
mod disguised_program;
mod download_and_eval;
mod download_and_run;
mod encoded_address;
mod encoded_command;
mod environment_read;
mod environment_sent;
mod escaping_archive;
mod fake_turn;
mod files_to_stranger;
mod forwards_secrets;
mod locked_archive;
mod locked_dropper;
mod lookalike_tool;
mod mandated_upload;
mod mass_message;
mod overrides_instructions;
mod paste_into_terminal;
mod paste_site;
mod pasted_installer;
mod pipe_to_shell;
mod posts_data;
mod program_inside;
mod program_link;
mod prose_sends;
mod reverse_shell;
mod scan_incomplete;
mod scan_timeout;
mod secret_encoded;
mod secret_in_reply;
mod secret_in_request;
mod secret_over_dns;
mod secret_store_access;
mod secret_to_hidden_address;
mod skips_consent;
mod spies_and_sends;
mod standing_order;
mod unreadable_archive;
mod untrusted_post;
mod unvetted_download_run;
mod unvetted_remote_script;

use super::rule::Rule;

/// All rules of this program.
pub(super) static RULES: &[&Rule] = &[
    &address_carries_data::RULE,
    &approvals_off::RULE,
    &archive_password::RULE,
    &bytecode_inside::RULE,
    &captured_input::RULE,
    &concealed_action::RULE,
    &conceals::RULE,
    &credential_files::RULE,
    &credentials_sent::RULE,
    &data_sink::RULE,
    &decode_and_run::RULE,
    &demanded_install::RULE,
    &disguised_program::RULE,
    &download_and_eval::RULE,
    &download_and_run::RULE,
    &encoded_address::RULE,
    &encoded_command::RULE,
    &environment_read::RULE,
    &environment_sent::RULE,
    &escaping_archive::RULE,
    &fake_turn::RULE,
    &files_to_stranger::RULE,
    &forwards_secrets::RULE,
    &locked_archive::RULE,
    &locked_dropper::RULE,
    &lookalike_tool::RULE,
    &mandated_upload::RULE,
    &mass_message::RULE,
    &overrides_instructions::RULE,
    &paste_into_terminal::RULE,
    &paste_site::RULE,
    &pasted_installer::RULE,
    &pipe_to_shell::RULE,
    &posts_data::RULE,
    &program_inside::RULE,
    &program_link::RULE,
    &prose_sends::RULE,
    &reverse_shell::RULE,
    &scan_incomplete::RULE,
    &scan_timeout::RULE,
    &secret_encoded::RULE,
    &secret_in_reply::RULE,
    &secret_in_request::RULE,
    &secret_over_dns::RULE,
    &secret_store_access::RULE,
    &secret_to_hidden_address::RULE,
    &skips_consent::RULE,
    &spies_and_sends::RULE,
    &standing_order::RULE,
    &unreadable_archive::RULE,
    &untrusted_post::RULE,
    &unvetted_download_run::RULE,
    &unvetted_remote_script::RULE,
];

#[cfg(test)]
mod tests;
