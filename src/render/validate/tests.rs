use reconciler::finding::Class;
use reconciler::ids::SkillId;

use super::*;

fn finding(path: &str, line: Option<u32>, column: Option<u32>) -> Finding {
    Finding {
        rule: "description-missing".to_owned(),
        severity: Severity::Critical,
        class: Class::Structure,
        path: path.to_owned(),
        line,
        column,
        message: "the front matter has no description".to_owned(),
        help: "add `description: …`".to_owned(),
    }
}

fn validation(findings: Vec<Finding>) -> Validation {
    let verdict = if findings.is_empty() { Standing::Accepted } else { Standing::Held };
    let skill = SkillReport { skill: SkillId::new("horde"), path: "horde.md".to_owned(), verdict, findings };
    Validation { skills: vec![skill], strays: Vec::new() }
}

fn view(style: Style) -> View {
    View { directory: PathBuf::from("./skills"), block: Some(Severity::Critical), style }
}

#[test]
fn a_finding_is_shown_with_its_line_and_a_caret() {
    let validation = validation(vec![finding("horde.md", Some(2), Some(7))]);
    let text = view(Style::Plain).text(&validation, |path, line| {
        (path == "horde.md" && line == 2).then(|| "name: Horde\r\n".to_owned())
    });
    crate::render::assert_shown(
        text,
        snapbox::str![[r#"
error[description-missing]: the front matter has no description
 --> skills/horde.md:2:7
  |
2 | name: Horde
  |       ^
  |
  = help: add `description: …`

held: 1 of 1 skill

"#]],
    );
}

#[test]
fn a_finding_without_a_line_names_the_file() {
    let mut warning = finding("a.md", None, None);
    warning.severity = Severity::Low;
    let strays = Validation { strays: vec![warning], ..validation(Vec::new()) };
    let text = view(Style::Plain).text(&strays, |_, _| None);
    crate::render::assert_shown(
        text,
        snapbox::str![[r#"
note[description-missing]: the front matter has no description
--> skills/a.md
 = help: add `description: …`

valid: 1 skill, 1 note

"#]],
    );
}

#[test]
fn a_hostile_line_cannot_reach_the_terminal() {
    let mut hostile = finding("\x1b[2Ja.md", Some(1), Some(3));
    hostile.message = "\x1b]0;pwned\x07".to_owned();
    hostile.rule = "\u{202e}".to_owned();
    let line = "\x1b[31m\u{202e}\x00 and so on".to_owned();
    let text = view(Style::Plain).text(&validation(vec![hostile]), |_, _| Some(line.clone()));
    assert!(text.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{text}");
    assert!(text.contains("\\u{1b}[31m"), "{text}");
}

#[test]
fn a_long_line_is_shown_around_its_column() {
    let line = "x".repeat(10_000) + "!" + &"y".repeat(10_000);
    let excerpt = Excerpt::of(&line, Some(10_001)).expect("a line");
    assert_eq!(&excerpt.text[excerpt.span.clone()], "!");
    assert!(excerpt.text.len() <= 2 * AROUND + 1);
    assert!(Excerpt::of("", Some(1)).is_none());
    let past = Excerpt::of("abc", Some(9)).expect("a line");
    assert_eq!(past.span, 3..3, "a column past the end marks the end");
}

#[test]
fn workflow_commands_carry_file_line_and_rule() {
    let validation = validation(vec![finding("a,b.md", Some(2), Some(7)), finding("c.md", None, None)]);
    crate::render::assert_shown(
        view(Style::Plain).github(&validation),
        snapbox::str![[r#"
::error file=skills/a%2Cb.md,line=2,col=7,title=description-missing::the front matter has no description%0Aadd `description: …`
::error file=skills/c.md,title=description-missing::the front matter has no description%0Aadd `description: …`

"#]],
    );
}

#[test]
fn json_has_the_shape_of_the_contract() {
    let json = serde_json::to_value(validation(vec![finding("horde.md", Some(2), None)])).expect("JSON");
    let skill = &json["skills"][0];
    assert_eq!(skill["verdict"], "held");
    let keys: Vec<&String> = skill["findings"][0].as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["class", "column", "help", "line", "message", "path", "rule", "severity"]);
}
