//! The table of the rules, by id: one file each. Where two refine one pattern, the first here wins.

mod address_carries_data;
mod agent_login_taken;
mod agent_memory_write;
mod agent_settings_write;
mod approvals_off;
mod archive_password;
mod bytecode_inside;
mod captured_input;
mod codeword_trigger;
mod concealed_action;
mod conceals;
mod covers_tracks;
mod credential_files;
mod credentials_sent;
mod crypto_miner;
mod data_sink;
mod decode_and_run;
mod demanded_install;
mod direct_dependency;
mod disguised_program;
mod disguised_word;
mod download_and_eval;
mod download_and_run;
mod encoded_address;
mod encoded_command;
mod environment_read;
mod environment_sent;
mod escaping_archive;
mod evades_detection;
mod fake_turn;
mod file_upload;
mod files_to_stranger;
mod foreign_account;
mod forwards_secrets;
mod hidden_characters;
mod hidden_order;
mod install_hook;
mod installer_takes_passwords;
mod invisible_html;
mod locked_archive;
mod locked_dropper;
mod lookalike_tool;
mod mandated_upload;
mod mass_message;
mod overrides_instructions;
mod password_dialog;
mod paste_into_terminal;
mod paste_site;
mod pasted_installer;
mod persistence;
mod persistent_download;
mod pipe_to_shell;
mod planted_key;
mod posts_data;
mod private_key;
mod program_inside;
mod program_link;
mod prose_sends;
mod provider_key;
mod remote_hook;
mod request_flood;
mod reverse_shell;
mod runs_temporary_code;
mod scan_incomplete;
mod scan_timeout;
mod secret_encoded;
mod secret_in_reply;
mod secret_in_request;
mod secret_over_dns;
mod secret_store_access;
mod secret_to_hidden_address;
mod seizes_turns;
mod sink_with_secrets;
mod skips_consent;
mod spies_and_sends;
mod standing_order;
mod start_hook;
mod takes_passwords;
mod throwaway_host;
mod told_to_fetch_code;
mod unattended_agent;
mod undeclared_shell;
mod unguarded_delete;
mod unknown_download_run;
mod unknown_installer;
mod unlimited_approval;
mod unpinned_runner;
mod unreadable_archive;
mod untrusted_post;
mod unvetted_download_run;
mod unvetted_remote_script;
mod uploads_to_throwaway;
mod weakens_system;
mod wipes;
mod written_password;

use super::rule::Rule;

/// All rules of this program.
pub(super) static RULES: &[&Rule] = &[
    &address_carries_data::RULE,
    &agent_login_taken::RULE,
    &agent_memory_write::RULE,
    &agent_settings_write::RULE,
    &approvals_off::RULE,
    &archive_password::RULE,
    &bytecode_inside::RULE,
    &captured_input::RULE,
    &codeword_trigger::RULE,
    &concealed_action::RULE,
    &conceals::RULE,
    &covers_tracks::RULE,
    &credential_files::RULE,
    &credentials_sent::RULE,
    &crypto_miner::RULE,
    &data_sink::RULE,
    &decode_and_run::RULE,
    &demanded_install::RULE,
    &direct_dependency::RULE,
    &disguised_program::RULE,
    &disguised_word::RULE,
    &download_and_eval::RULE,
    &download_and_run::RULE,
    &encoded_address::RULE,
    &encoded_command::RULE,
    &environment_read::RULE,
    &environment_sent::RULE,
    &escaping_archive::RULE,
    &evades_detection::RULE,
    &fake_turn::RULE,
    &file_upload::RULE,
    &files_to_stranger::RULE,
    &foreign_account::RULE,
    &forwards_secrets::RULE,
    &hidden_characters::RULE,
    &hidden_order::RULE,
    &install_hook::RULE,
    &installer_takes_passwords::RULE,
    &invisible_html::RULE,
    &locked_archive::RULE,
    &locked_dropper::RULE,
    &lookalike_tool::RULE,
    &mandated_upload::RULE,
    &mass_message::RULE,
    &overrides_instructions::RULE,
    &password_dialog::RULE,
    &paste_into_terminal::RULE,
    &paste_site::RULE,
    &pasted_installer::RULE,
    &persistence::RULE,
    &persistent_download::RULE,
    &pipe_to_shell::RULE,
    &planted_key::RULE,
    &posts_data::RULE,
    &private_key::RULE,
    &program_inside::RULE,
    &program_link::RULE,
    &prose_sends::RULE,
    &provider_key::RULE,
    &remote_hook::RULE,
    &request_flood::RULE,
    &reverse_shell::RULE,
    &runs_temporary_code::RULE,
    &scan_incomplete::RULE,
    &scan_timeout::RULE,
    &secret_encoded::RULE,
    &secret_in_reply::RULE,
    &secret_in_request::RULE,
    &secret_over_dns::RULE,
    &secret_store_access::RULE,
    &secret_to_hidden_address::RULE,
    &seizes_turns::RULE,
    &sink_with_secrets::RULE,
    &skips_consent::RULE,
    &spies_and_sends::RULE,
    &standing_order::RULE,
    &start_hook::RULE,
    &takes_passwords::RULE,
    &throwaway_host::RULE,
    &told_to_fetch_code::RULE,
    &unattended_agent::RULE,
    &undeclared_shell::RULE,
    &unguarded_delete::RULE,
    &unknown_download_run::RULE,
    &unknown_installer::RULE,
    &unlimited_approval::RULE,
    &unpinned_runner::RULE,
    &unreadable_archive::RULE,
    &untrusted_post::RULE,
    &unvetted_download_run::RULE,
    &unvetted_remote_script::RULE,
    &uploads_to_throwaway::RULE,
    &weakens_system::RULE,
    &wipes::RULE,
    &written_password::RULE,
];

#[cfg(test)]
mod tests;
