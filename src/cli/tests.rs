use clap::CommandFactory as _;

use super::*;

fn argv(line: &str) -> Vec<OsString> {
    std::iter::once("skill-sync").chain(line.split_whitespace()).map(OsString::from).collect()
}

fn parsed(line: &str) -> (Cli, Vec<Problem>) {
    parse(argv(line)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_definitions_are_whole() {
    Cli::command().debug_assert();
}

#[test]
fn flags_of_settings_stand_before_or_after_the_verb() {
    for line in ["--repo r once --strict", "once --repo r --strict=true", "--strict once --repo=r"] {
        let (cli, unknown) = parsed(line);
        assert_eq!(cli.settings.0.get("SKILLS_REPO"), Some(&OsString::from("r")), "{line}");
        assert_eq!(cli.settings.0.get("STRICT"), Some(&OsString::from("true")), "{line}");
        assert!(unknown.is_empty() && matches!(cli.command, Command::Once { .. }));
    }
}

#[test]
fn no_secret_is_a_flag() {
    for setting in SETTINGS {
        assert!(
            setting.kind != Kind::Secret || setting.flag.is_none(),
            "{} would be in argv",
            setting.variable
        );
    }
}

#[test]
fn unknown_flags_are_named_all_at_once_with_their_values_left_out() {
    let (_, unknown) = parsed("once --bogus --pol-interval 5m --xx=1 --repo r");
    let named: Vec<String> = unknown.iter().map(ToString::to_string).collect();
    assert_eq!(named.len(), 3, "{named:?}");
    assert!(named[0].starts_with("--bogus: there is no such flag"), "{named:?}");
    assert_eq!(named[1], "--pol-interval: there is no such flag; did you mean --poll-interval?");
    let (cli, _) = parsed("--bogus value status");
    assert!(matches!(cli.command, Command::Status(_)));
}

#[test]
fn other_wrong_usage_is_claps_to_tell() {
    for line in
        ["frobnicate", "once -o xml", "once --repo", "history --limit 0", "once stray", "--bogus x y z"]
    {
        let error = parse(argv(line)).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

/// All verbs that people see, with the path that leads to each.
fn verbs(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
    let mut all = Vec::new();
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help") {
        let path = format!("{path} {}", verb.get_name());
        all.push((path.clone(), verb.clone()));
        all.extend(verbs(verb, &path));
    }
    all
}

#[test]
fn every_help_teaches_with_examples() {
    let root = Cli::command();
    for (path, verb) in verbs(&root, "skill-sync").into_iter().chain([("skill-sync".to_owned(), root)]) {
        let after = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(after.starts_with("Examples:\n") && after.contains("skill-sync"), "{path} has no examples");
    }
}

#[test]
fn every_example_is_a_line_that_the_parser_takes() {
    let root = Cli::command();
    let texts = verbs(&root, "").into_iter().map(|(_, verb)| verb).chain([root]);
    let helps: Vec<String> =
        texts.filter_map(|verb| verb.get_after_help().map(ToString::to_string)).collect();
    let lines = helps.iter().flat_map(|help| help.lines()).filter_map(|line| line.split_once("skill-sync "));
    let commands: Vec<&str> = lines
        .filter(|(before, rest)| before.starts_with("  ") && !before.contains('`') && !rest.contains('`'))
        .map(|(_, rest)| rest.split('|').next().unwrap_or(rest))
        .collect();
    assert!(commands.len() > 12, "{commands:?}");
    for command in commands {
        let (_, unknown) = parsed(&command.replace('\'', ""));
        assert!(unknown.is_empty(), "{command}");
    }
}

#[test]
fn the_reference_is_what_the_help_says() {
    let mut root = Cli::command().term_width(100);
    let mut text = format!("# Command line\n\n```text\n{}```\n", root.render_long_help());
    for (path, verb) in verbs(&Cli::command(), "skill-sync") {
        let help = verb.bin_name(&path).term_width(100).disable_help_flag(true).render_long_help();
        text += &format!("\n## `{path}`\n\n```text\n{help}```\n");
    }
    let text: String = text.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    snapbox::assert_data_eq!(text, snapbox::file!["../../docs/cli.md"].raw());
}
