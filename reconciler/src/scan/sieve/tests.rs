use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::string::bytes_regex;
use proptest::test_runner::TestRunner;

use super::*;
use crate::scan::engine;

fn parts(pattern: &str) -> Vec<Vec<String>> {
    let text = |text: &Vec<u8>| String::from_utf8(text.clone()).unwrap();
    needs(pattern).iter().map(|part| part.iter().map(text).collect()).collect()
}

#[test]
fn what_must_be_there_is_read_off_the_syntax() {
    let cases: [(&str, &[&[&str]]); 10] = [
        ("/curl[^\\n]{3,400}\\| ?sh/ nocase", &[&["curl"], &["| sh", "|sh"]]),
        ("/(curl|WGET)[ \\t]+-o[^a]+/", &[&["curl\t", "curl ", "wget\t", "wget "], &["\t-o", " -o"]]),
        ("/net(cat)?[^x]-e[^x]/", &[&["net", "netcat"]]),
        ("/(ab)*cd(ef){2}(gh)+[ij]/", &[&["cdefefgh"], &["ghi", "ghj"]]),
        ("/(one[^\\n]{0,9}three|four)/", &[&["four", "three"]]),
        ("/(one|t.|three)/", &[]),
        ("/\\babc\\b|cde$/", &[&["abc", "cde"]]),
        ("/[a-z]{2}[0-9a-z]{9}-abc/", &[&["-abc"]]),
        ("{ 41 42 43 }", &[]),
        ("/unclosed(/", &[]),
    ];
    for (pattern, expected) in cases {
        assert_eq!(parts(pattern), expected, "{pattern}");
    }
}

#[test]
fn a_text_passes_where_it_has_one_of_each_part() {
    let sieve = Sieve::new(["/(curl|wget)[^\\n]*\\|sh/", "/[^\\n]/", "/\\|SH/"]).unwrap();
    assert_eq!(sieve.pass(b"WGET x |Sh"), [0, 1, 2]);
    assert_eq!(sieve.pass(b"|sh before curl"), [0, 1, 2]);
    assert_eq!(sieve.pass(b"curl and wget"), [1]);
    assert_eq!(sieve.pass(b"|sh"), [1, 2]);
    assert_eq!(sieve.pass(b""), [1]);
}

/// The whole worth of the sieve: it never keeps from a text what matches in it.
#[test]
fn whatever_a_pattern_of_ours_matches_passes() {
    let patterns: Vec<_> = engine::patterns().collect();
    let sieve = Sieve::new(patterns.iter().map(|pattern| pattern.string)).unwrap();
    let (mut runner, mut matched) = (TestRunner::default(), 0);
    for (at, pattern) in patterns.iter().enumerate() {
        assert!(!needs(pattern.string).is_empty(), "every text would pass: {}", pattern.string);
        let (body, flags) = pattern.string[1..].rsplit_once('/').unwrap();
        // What is generated has no boundaries of words, and has them or not as it comes.
        let texts = bytes_regex(&format!("(?s-u){}", body.replace("\\b", ""))).unwrap();
        for _ in 0..12 {
            let mut text = texts.new_tree(&mut runner).unwrap().current();
            if flags.contains("nocase") {
                text.make_ascii_uppercase();
            }
            let text = [b"- ", &text[..], b" -"].concat();
            if pattern.scanner().unwrap().scan_mem(&text).unwrap().rules.iter().any(|rule| rule.matched) {
                matched += 1;
                assert!(sieve.pass(&text).contains(&at), "{}: {}", pattern.string, text.escape_ascii());
            }
        }
    }
    assert!(matched > 6 * patterns.len(), "{matched} texts of {} patterns is no proof", patterns.len());
}
