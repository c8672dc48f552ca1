use std::time::Instant;

use super::*;

fn front(yaml: &str) -> Result<FrontMatter, Fault> {
    Document::parse(&format!("---\n{yaml}\n---\nText\n")).front
}

fn invalid(yaml: &str) -> (Place, String) {
    match front(yaml) {
        Err(Fault::Invalid { place, why }) => (place, why),
        other => panic!("{yaml:?} gave {other:?}"),
    }
}

#[test]
fn fields_are_read_with_their_places() {
    let front = front("name: pdf\ndescription: |\n  Reads\n  PDF\nmetadata: {a: 1}\ntools: [x]").unwrap();
    assert_eq!(front.text("name"), Some("pdf"));
    assert_eq!(front.text("description"), Some("Reads\nPDF\n"));
    let places: Vec<u32> = front.fields.iter().map(|field| field.place.line).collect();
    assert_eq!(places, [2, 3, 6, 7]);
    assert_eq!(front.field("metadata").unwrap().value.what(), "a mapping");
    assert_eq!(front.field("tools").unwrap().value.what(), "a list");
    assert_eq!(front.recovered, None);
}

#[test]
fn a_value_is_what_yaml_says_it_is() {
    for (yaml, what) in [
        ("42", "a number"),
        ("1.5", "a number"),
        (".nan", "a number"),
        ("123456789012345678901234567890", "a number"),
        ("true", "true or false"),
        ("yes", "text"),
        ("2024-01-01", "text"),
        ("~", "nothing"),
        ("", "nothing"),
        ("'42'", "text"),
    ] {
        assert_eq!(front(&format!("v: {yaml}")).unwrap().fields[0].value.what(), what, "{yaml}");
    }
}

#[test]
fn the_fence_is_the_first_line_or_there_is_none() {
    for text in ["", "# Title\n", "\n---\na: b\n---\n", "--- a\nb: c\n---\n", "----\na: b\n----\n"] {
        assert_eq!(Document::parse(text).front.unwrap_err(), Fault::Missing, "{text:?}");
    }
    for text in ["---", "---\n", "---\nname: a\n", "---\nname: a\n ---\n"] {
        assert_eq!(Document::parse(text).front.unwrap_err(), Fault::Unclosed, "{text:?}");
    }
    assert!(Document::parse("---  \nname: a\n---").front.is_ok());
}

#[test]
fn a_byte_order_mark_and_carriage_returns_are_seen_and_read_over() {
    let document = Document::parse("\u{feff}---\r\nname: a\r\ndescription: b\r\n---\r\nText\r\n");
    assert!(document.bom);
    assert_eq!(document.crlf, Some(1));
    assert_eq!(document.front.unwrap().text("description"), Some("b"));
}

#[test]
fn a_second_byte_order_mark_is_text_and_no_front_matter_follows_it() {
    let text = "\u{feff}\u{feff}---\nname: a\ndescription: b\n---\n";
    assert_eq!(Document::parse(text).front.unwrap_err(), Fault::Missing);
    assert!(!is_fronted(text.as_bytes()), "both say the same");
}

#[test]
fn an_empty_block_has_no_fields() {
    for text in ["---\n---\n", "---\n\n# nothing\n---\n", "---\n~\n---\n"] {
        assert!(Document::parse(text).front.unwrap().fields.is_empty(), "{text:?}");
    }
}

#[test]
fn what_is_no_mapping_is_named() {
    for (yaml, what) in [("- a\n- b", "a list"), ("just text", "text"), ("42", "a number")] {
        assert!(matches!(front(yaml), Err(Fault::NotMapping { what: w, .. }) if w == what), "{yaml}");
    }
}

#[test]
fn a_duplicate_key_is_found_at_every_depth() {
    let twice = front("name: a\ndescription: b\nname: c").unwrap_err();
    let place = Place { line: 4, column: 1 };
    assert_eq!(twice, Fault::DuplicateKey { place, key: Some("name".into()) });
    assert!(matches!(front("metadata:\n  a: 1\n  a: 2"), Err(Fault::DuplicateKey { .. })));
}

#[test]
fn an_error_points_into_the_file_and_not_into_the_block() {
    let (place, why) = invalid("name: a\nlicense: b: c");
    assert_eq!(place.line, 3, "{why}");
    assert!(!why.contains("at line") && !why.is_empty(), "{why}");
}

#[test]
fn a_colon_in_a_plain_description_is_recovered() {
    let front = front("name: a\ndescription: Use it for: PDF files\nlicense: MIT").unwrap();
    assert_eq!(front.text("description"), Some("Use it for: PDF files"));
    assert_eq!(front.recovered, Some(3));
    assert_eq!(front.field("license").unwrap().place.line, 4);
}

#[test]
fn an_unquoted_colon_elsewhere_is_not() {
    assert_eq!(invalid("name: a: b\ndescription: c: d").0.line, 2);
}

#[test]
fn anchors_aliases_merge_keys_and_second_documents_are_refused() {
    assert!(invalid("a: &x 1\nb: 2").1.contains("anchor"));
    assert!(matches!(front("a: 1\nb: *x"), Err(Fault::Invalid { .. })));
    assert!(matches!(front("a: 1\n<<: {b: 2}"), Err(Fault::Invalid { .. })));
    assert!(matches!(front("a: 1\n...\nb: 2"), Err(Fault::Invalid { .. })));
}

#[test]
fn tags_and_hidden_characters_are_refused_escaped_or_not() {
    for (yaml, what) in [
        ("a: !!python/object x", "the YAML tag"),
        ("a: !custom [1]", "the YAML tag"),
        ("a: b\u{202e}c", "U+202E"),
        ("a: \"b\\u202ec\"", "U+202E"),
        ("a: \"b\\0c\"", "U+0000"),
        ("a: \"\\e[31m\"", "U+001B"),
        ("a: b\u{7}c", "U+0007"),
        ("a: b\u{200b}c", "U+200B"),
    ] {
        match front(yaml) {
            Err(Fault::Character { what: found, place }) => {
                assert!(found.contains(what) && place.line == 2, "{yaml:?}: {found} {place:?}");
            }
            other => panic!("{yaml:?} gave {other:?}"),
        }
    }
    assert!(front("a: \u{1f469}\u{200d}\u{1f4bb} \u{2764}\u{fe0f}").is_ok(), "emoji are honest");
}

#[test]
fn hostile_yaml_ends_at_once() {
    let bomb = (1..20).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
        let before = format!("*a{}", n - 1);
        format!("{text}a{n}: &a{n} [{before}, {before}, {before}, {before}]\n")
    });
    let hostile = [
        "[".repeat(200_000),
        format!("a: {}", "[".repeat(60_000)),
        format!("a: {}", "{a: ".repeat(15_000)),
        "- ".repeat(30_000),
        "? ".repeat(30_000),
        "a:\n".repeat(20_000),
        format!("a: [{}]", "1, ".repeat(20_000)),
        format!("a: \"{}", "\\x41".repeat(15_000)),
        bomb,
    ];
    for yaml in hostile {
        let start = Instant::now();
        assert!(front(&yaml).is_err(), "{:.40}", yaml);
        assert!(start.elapsed().as_millis() < 1_000, "{:.40} took {:?}", yaml, start.elapsed());
    }
}

#[test]
fn a_block_over_its_cap_is_not_parsed() {
    let (_, why) = invalid(&format!("description: {}", "x".repeat(MAX_BLOCK_BYTES)));
    assert!(why.contains("65536 is the most"), "{why}");
}

#[test]
fn the_budgets_are_named_where_they_are_exceeded() {
    let nested = |levels: usize| format!("a: {}1{}", "[".repeat(levels), "]".repeat(levels));
    assert!(front(&nested(7)).is_ok());
    assert!(invalid(&nested(8)).1.contains("more than 8 levels deep"));
    let wide = |values: usize| format!("a: [{}]", "1, ".repeat(values));
    assert!(front(&wide(1_900)).is_ok());
    assert!(invalid(&wide(2_000)).1.contains("more than 2000 values"));
}
