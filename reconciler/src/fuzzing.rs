//! What must hold for any input that reaches the engine: the targets of `fuzz/` call it with inputs that are
//! made up, and the tests with those that are kept.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a way to fail")]

mod tree;

use std::path::{Component, Path};

use crate::path::{TreePath, fold};
use crate::scan::Scanner;
use crate::skill::{Document, Fault, Value, is_fronted};

pub use tree::check as tree;

/// A path that is taken stays below where it is joined to, under every reading of it.
pub fn path(data: &[u8]) {
    let Ok(path) = TreePath::parse(data) else { return };
    assert_eq!(path.as_str().as_bytes(), data, "it is another path now");
    let components: Vec<_> = Path::new(path.as_str()).components().collect();
    assert!(components.iter().all(|component| matches!(component, Component::Normal(_))), "{components:?}");
    assert_eq!(components.len(), path.components().count());
    assert!(Path::new("/data/skills").join(path.as_str()).starts_with("/data/skills"));
    for above in path.ancestors() {
        assert_eq!(TreePath::parse(above.as_str().as_bytes()).as_ref(), Ok(&above));
        assert!(path.is_below(&above) && !above.is_below(&path));
    }
    if let Some(parent) = path.parent() {
        let name = TreePath::parse(path.file_name().as_bytes()).expect("a component of a path is one");
        assert_eq!(parent.join(&name), Ok(path.clone()));
    }
    assert_eq!(fold(&path.folded()), path.folded(), "folded twice it is another twin");
}

/// Places lie in the file, and what is text in the YAML is that text.
pub fn front_matter(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let document = Document::parse(&text);
    // As YAML counts them: a carriage return that stands alone ends a line too.
    let lines = u32::try_from(text.split(['\n', '\r']).count()).unwrap_or(u32::MAX);
    match &document.front {
        Ok(front) => {
            assert!(is_fronted(text.as_bytes()), "read, and taken for no skill");
            for field in &front.fields {
                assert!((1..=lines).contains(&field.place.line), "line {} of {lines}", field.place.line);
            }
        }
        Err(
            Fault::Invalid { place, .. }
            | Fault::NotMapping { place, .. }
            | Fault::DuplicateKey { place, .. }
            | Fault::Character { place, .. },
        ) => assert!((1..=lines).contains(&place.line), "line {} of {lines}", place.line),
        Err(Fault::Missing | Fault::Unclosed) => {}
    }
    let quoted = serde_json::to_string(&text).expect("text");
    let document = Document::parse(&format!("---\nname: a\ndescription: {quoted}\n---\n"));
    if let Ok(front) = document.front {
        let described = front.field("description").map(|field| &field.value);
        assert_eq!(described, Some(&Value::Text(text.into_owned())), "quoted, and read as another text");
    }
}

/// A scan ends, says the same again, and names lines that are there. The first byte says what file it is.
pub fn scan(data: &[u8]) {
    thread_local! {
        static SCANNER: Scanner = Scanner::new().expect("the rules compile");
    }
    const NAMES: [&str; 6] = ["SKILL.md", "run.sh", "tool.py", "a.zip", "package.json", "notes.txt"];
    let Some((kind, bytes)) = data.split_first() else { return };
    let name = NAMES[usize::from(*kind) % NAMES.len()];
    SCANNER.with(|scanner| {
        let findings = scanner.scan_file(name, bytes);
        if !Scanner::is_lasting(&findings) {
            return;
        }
        let lines = u32::try_from(bytes.split(|byte| *byte == b'\n').count()).unwrap_or(u32::MAX);
        for finding in findings.iter().filter(|finding| finding.path == name) {
            assert!(
                finding.line.is_none_or(|line| (1..=lines).contains(&line)),
                "{finding:?} of {lines} lines"
            );
        }
        assert_eq!(scanner.scan_file(name, bytes), findings, "another verdict on the same bytes");
    });
}

#[cfg(test)]
mod tests {
    /// Calls a check with each input that is kept for it.
    fn each_kept(target: &str, check: impl Fn(&[u8])) {
        let place = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
        let mut count = 0;
        for entry in std::fs::read_dir(&place).expect("seeds") {
            let path = entry.expect("an entry").path();
            println!("{}", path.display());
            check(&std::fs::read(&path).expect("its bytes"));
            count += 1;
        }
        assert!(count > 0, "no seeds in {}", place.display());
    }

    #[test]
    fn what_must_hold_for_any_input_holds_for_those_that_are_kept() {
        each_kept("path", super::path);
        each_kept("front_matter", super::front_matter);
        each_kept("tree", super::tree);
        each_kept("scan", super::scan);
    }
}
