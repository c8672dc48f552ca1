//! One text as the rules see it: its language, its regions, and where it came from.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use super::markdown::{self, Region, RegionKind};
use crate::finding::Place;

/// A language that a file or a fenced block is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    /// sh, bash, zsh, fish, and transcripts of them.
    Shell,
    /// PowerShell and batch files.
    PowerShell,
    /// Any other programming language.
    Program,
    /// JSON, YAML, TOML, XML, INI.
    Data,
    /// Rules that look for attacks: YARA, Sigma, Semgrep, Suricata.
    Detection,
    /// Markdown.
    Markdown,
    /// HTML and SVG.
    Html,
    /// Plain text, and what nobody knows.
    Text,
}

impl Language {
    /// By a file's extension or a fence's first word, without the dot, in any case.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "sh" | "bash" | "zsh" | "ksh" | "fish" | "shell" | "console" | "terminal" | "command" => {
                Self::Shell
            }
            "ps1" | "psm1" | "powershell" | "pwsh" | "bat" | "cmd" | "vbs" => Self::PowerShell,
            "py" | "python" | "python3" | "pyw" | "js" | "mjs" | "cjs" | "javascript" | "node" | "ts"
            | "tsx" | "jsx" | "typescript" | "rb" | "ruby" | "pl" | "perl" | "php" | "go" | "rs" | "rust"
            | "java" | "kt" | "c" | "h" | "cpp" | "cc" | "cs" | "csharp" | "swift" | "lua" | "r"
            | "scala" | "applescript" | "scpt" | "osascript" | "dockerfile" | "makefile" | "mk"
            | "gradle" | "sql" => Self::Program,
            "json" | "jsonc" | "json5" | "yaml" | "yml" | "toml" | "xml" | "plist" | "ini" | "cfg"
            | "conf" | "env" | "properties" | "csv" | "tsv" | "lock" => Self::Data,
            "yara" | "yar" | "sigma" | "semgrep" | "suricata" | "snort" | "kql" | "spl" => Self::Detection,
            "md" | "markdown" | "mdx" | "mdc" => Self::Markdown,
            "html" | "htm" | "svg" | "xhtml" => Self::Html,
            "txt" | "text" | "rst" | "adoc" | "log" => Self::Text,
            _ => return None,
        })
    }

    /// Of a file: its shebang wins over its name.
    pub(super) fn of_file(path: &str, bytes: &[u8]) -> Self {
        if let Some(rest) = bytes.strip_prefix(b"#!") {
            let line = &rest[..rest.len().min(80)];
            let shell = [&b"sh"[..], b"bash", b"zsh"].iter().any(|name| {
                line.split(|b| matches!(b, b'/' | b' ' | b'\n' | b'\r')).any(|word| word == *name)
            });
            return if shell { Self::Shell } else { Self::Program };
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        let extension = name.rsplit('.').next().unwrap_or(name);
        Self::named(extension).unwrap_or(Self::Text)
    }

    /// Whether an interpreter or compiler reads it.
    pub(super) fn is_program(self) -> bool {
        matches!(self, Self::Shell | Self::PowerShell | Self::Program)
    }
}

/// Where a document's text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The file as it is.
    Written,
    /// The file without its invisible characters and with look-alike letters made Latin.
    Folded,
    /// Decoded out of the file at this byte offset.
    Decoded { at: usize, how: &'static str },
    /// An entry of an archive.
    Packed,
}

/// One text of a skill.
pub(super) struct Document<'a> {
    /// Path in the skill.
    pub(super) path: &'a str,
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) language: Language,
    /// Whether somebody runs it: executable bit, shebang, a script's extension, or the skill says so.
    pub(super) runs: bool,
    pub(super) origin: Origin,
    /// Name of the entry, for an archive's.
    pub(super) inner: Option<String>,
    /// Where in the file a decoded or packed text is.
    pub(super) place: Option<Place>,
    regions: OnceCell<Vec<Region>>,
    lines: OnceCell<Vec<usize>>,
}

impl<'a> Document<'a> {
    pub(super) fn new(path: &'a str, bytes: Cow<'a, [u8]>, executable: bool) -> Self {
        let language = Language::of_file(path, &bytes);
        let runs = executable || language.is_program();
        Self {
            path,
            bytes,
            language,
            runs,
            origin: Origin::Written,
            inner: None,
            place: None,
            regions: OnceCell::new(),
            lines: OnceCell::new(),
        }
    }

    /// The same file's text after it was folded.
    pub(super) fn folded(&self, bytes: Vec<u8>) -> Document<'a> {
        Document {
            path: self.path,
            bytes: Cow::Owned(bytes),
            language: self.language,
            runs: self.runs,
            origin: Origin::Folded,
            inner: self.inner.clone(),
            place: self.place,
            regions: OnceCell::new(),
            lines: OnceCell::new(),
        }
    }

    /// A text that was hidden in this one.
    pub(super) fn decoded(&self, bytes: Vec<u8>, at: usize, how: &'static str) -> Document<'a> {
        Document {
            path: self.path,
            bytes: Cow::Owned(bytes),
            language: Language::Shell,
            runs: true,
            origin: Origin::Decoded { at, how },
            inner: self.inner.clone(),
            place: self.place.or_else(|| Some(self.place_of(at))),
            regions: OnceCell::new(),
            lines: OnceCell::new(),
        }
    }

    /// An entry of this archive.
    pub(super) fn packed(&self, name: String, bytes: Vec<u8>) -> Document<'a> {
        let language = Language::of_file(&name, &bytes);
        Document {
            path: self.path,
            bytes: Cow::Owned(bytes),
            language,
            runs: language.is_program(),
            origin: Origin::Packed,
            inner: Some(name),
            place: Some(Place::START),
            regions: OnceCell::new(),
            lines: OnceCell::new(),
        }
    }

    /// Offsets at which the lines begin.
    pub(super) fn lines(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            let ends = self.bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(ends).collect()
        })
    }

    /// The number of the line, from 0, that holds a byte.
    pub(super) fn line_number(&self, offset: usize) -> usize {
        self.lines().partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The bytes of a line, from 0, without its end; empty past the last.
    pub(super) fn line(&self, number: usize) -> &[u8] {
        let Some(&start) = self.lines().get(number) else { return &[] };
        let end = self.lines().get(number + 1).map_or(self.bytes.len(), |next| next - 1);
        &self.bytes[start..end.max(start)]
    }

    /// The place of a byte in the file that people see.
    pub(super) fn place_of(&self, offset: usize) -> Place {
        if let Some(place) = self.place {
            return place;
        }
        let number = self.line_number(offset);
        let start = self.lines().get(number).copied().unwrap_or(0);
        // A column is counted over at most this many bytes: a line of 20 MB has no useful columns.
        let before = &self.bytes[start..offset.min(start + 4096).min(self.bytes.len()).max(start)];
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place { line: count(number + 1), column: count(String::from_utf8_lossy(before).chars().count() + 1) }
    }

    /// What kind of region a byte is in; files that are not Markdown are one region.
    pub(super) fn region(&self, offset: usize) -> RegionKind {
        if self.language != Language::Markdown {
            return RegionKind::Fence(self.language);
        }
        let regions = self.regions.get_or_init(|| markdown::regions(&self.bytes));
        let at = regions.partition_point(|region| region.end <= offset);
        regions
            .get(at)
            .filter(|region| region.start <= offset)
            .map_or(RegionKind::Prose, |region| region.kind)
    }

    /// Whether an interpreter would read what is here.
    pub(super) fn is_code(&self, offset: usize) -> bool {
        match self.region(offset) {
            RegionKind::Fence(language) => language != Language::Html || self.language == Language::Html,
            RegionKind::FrontMatter => true,
            RegionKind::Comment | RegionKind::Prose => self.in_backticks(offset),
        }
    }

    /// Whether the agent would read what is here as text.
    pub(super) fn is_prose(&self, offset: usize) -> bool {
        match self.region(offset) {
            RegionKind::Fence(language) if language.is_program() => self.in_source_comment(offset),
            _ => true,
        }
    }

    fn in_backticks(&self, offset: usize) -> bool {
        let number = self.line_number(offset);
        let start = self.lines().get(number).copied().unwrap_or(0);
        self.bytes[start..=offset.min(self.bytes.len() - 1)].iter().filter(|b| **b == b'`').count() % 2 == 1
    }

    fn in_source_comment(&self, offset: usize) -> bool {
        let line = self.line(self.line_number(offset)).trim_ascii_start();
        [&b"#"[..], b"//", b"*", b"/*", b"--", b"\"\"\"", b"'''", b"<!--", b"::", b"REM "]
            .iter()
            .any(|sign| line.starts_with(sign))
    }

    /// A part of it as text, at most `limit` bytes.
    pub(super) fn text(&self, span: Range<usize>, limit: usize) -> Cow<'_, str> {
        let start = span.start.min(self.bytes.len());
        let end = span.end.min(self.bytes.len()).min(start + limit).max(start);
        String::from_utf8_lossy(&self.bytes[start..end])
    }

    /// The lines around a byte as text: so many before and after.
    pub(super) fn around(&self, offset: usize, before: usize, after: usize) -> Cow<'_, str> {
        let number = self.line_number(offset);
        let first = number.saturating_sub(before);
        let start = self.lines().get(first).copied().unwrap_or(0).max(offset.saturating_sub(4096));
        let end = self.lines().get(number + after + 1).copied().unwrap_or(self.bytes.len());
        self.text(start..end, 16_384)
    }
}

/// A match of a pattern, in its document.
pub(super) struct Hit<'a> {
    pub(super) document: &'a Document<'a>,
    pub(super) span: Range<usize>,
}

impl Hit<'_> {
    /// What matched.
    pub(super) fn text(&self) -> Cow<'_, str> {
        self.document.text(self.span.clone(), 2048)
    }

    /// Whether it begins where a shell would begin a command: at a line's start, or behind `;`, `&`, `|` or sudo.
    pub(super) fn is_at_command(&self) -> bool {
        let number = self.document.line_number(self.span.start);
        let start = self.document.lines()[number];
        let before = self.document.bytes[start..self.span.start].trim_ascii_end();
        before.is_empty()
            || before.ends_with(b"sudo")
            || before.ends_with(b";")
            || before.ends_with(b"&")
            || before.ends_with(b"|")
    }

    /// The whole lines of the match.
    pub(super) fn lines(&self) -> Cow<'_, str> {
        let after = self.document.line_number(self.span.end.saturating_sub(1))
            - self.document.line_number(self.span.start);
        self.document.around(self.span.start, 0, after)
    }
}
