//! The regions of a Markdown text: front matter, prose, fenced code, HTML comments.

use super::document::Language;

/// What a part of a Markdown text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RegionKind {
    /// The YAML block at the head.
    FrontMatter,
    /// Text.
    Prose,
    /// A fenced block, or a whole file, of a language.
    Fence(Language),
    /// An HTML comment, which a reader of the rendered page does not see.
    Comment,
}

/// A part of a text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: RegionKind,
}

/// What the lines that come belong to.
enum State {
    Prose,
    FrontMatter,
    Fence { sign: u8, length: usize, language: Language },
    Comment,
}

/// Cuts a Markdown text into its regions, in order and without gaps.
pub(super) fn regions(bytes: &[u8]) -> Vec<Region> {
    let mut regions: Vec<Region> = Vec::new();
    let mut state = State::Prose;
    let mut start = 0;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let end = start + line.len();
        let (kind, next) = step(&state, line, start == 0);
        match regions.last_mut() {
            Some(last) if last.kind == kind => last.end = end,
            _ => regions.push(Region { start, end, kind }),
        }
        state = next.unwrap_or(state);
        start = end;
    }
    regions
}

/// The kind of one line, and the state after it where that changes.
fn step(state: &State, line: &[u8], first: bool) -> (RegionKind, Option<State>) {
    let text = strip_quote(line);
    match state {
        State::Prose if first && text.trim_ascii_end() == b"---" => {
            (RegionKind::FrontMatter, Some(State::FrontMatter))
        }
        State::Prose => match open_fence(text) {
            Some(fence) => (RegionKind::Prose, Some(fence)),
            None => comment_line(text),
        },
        State::FrontMatter => {
            let ends = matches!(text.trim_ascii_end(), b"---" | b"...");
            (RegionKind::FrontMatter, ends.then_some(State::Prose))
        }
        State::Fence { sign, length, language } => {
            let closes = fence_length(text, *sign) >= *length
                && text.iter().all(|b| b == sign || b.is_ascii_whitespace());
            (RegionKind::Fence(*language), closes.then_some(State::Prose))
        }
        State::Comment => (RegionKind::Comment, find(line, b"-->").is_some().then_some(State::Prose)),
    }
}

fn comment_line(text: &[u8]) -> (RegionKind, Option<State>) {
    let Some(opens) = find(text, b"<!--") else { return (RegionKind::Prose, None) };
    match find(&text[opens..], b"-->") {
        Some(_) if opens == 0 => (RegionKind::Comment, None),
        Some(_) => (RegionKind::Prose, None),
        None => (RegionKind::Comment, Some(State::Comment)),
    }
}

fn open_fence(text: &[u8]) -> Option<State> {
    let sign = *text.first().filter(|b| matches!(b, b'`' | b'~'))?;
    let length = fence_length(text, sign);
    let info = text[length..].trim_ascii();
    if length < 3 || info.contains(&b'`') {
        return None;
    }
    let word = info.split(|b| matches!(b, b' ' | b',' | b'{' | b':')).find(|w| !w.is_empty()).unwrap_or(b"");
    let language = Language::named(&String::from_utf8_lossy(word)).unwrap_or(Language::Text);
    Some(State::Fence { sign, length, language })
}

fn fence_length(text: &[u8], sign: u8) -> usize {
    text.iter().take_while(|b| **b == sign).count()
}

/// A line without its indentation, quote marks and list bullet: fences stand in lists and quotes too.
fn strip_quote(line: &[u8]) -> &[u8] {
    let mut text = line.trim_ascii_start();
    while let Some(rest) = text.strip_prefix(b">") {
        text = rest.trim_ascii_start();
    }
    text.strip_prefix(b"- ").filter(|rest| rest.starts_with(b"```")).unwrap_or(text)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_at(text: &str, what: &str) -> RegionKind {
        let at = text.find(what).unwrap();
        regions(text.as_bytes()).iter().find(|r| r.start <= at && at < r.end).unwrap().kind
    }

    #[test]
    fn a_page_falls_into_front_matter_prose_code_and_comments() {
        let page = "---\nname: x\n---\nText one\n<!-- hidden\norder -->\n> ```bash\n> ls\n> ```\nText two\n";
        assert_eq!(kind_at(page, "name"), RegionKind::FrontMatter);
        assert_eq!(kind_at(page, "Text one"), RegionKind::Prose);
        assert_eq!(kind_at(page, "order"), RegionKind::Comment);
        assert_eq!(kind_at(page, "ls"), RegionKind::Fence(Language::Shell));
        assert_eq!(kind_at(page, "Text two"), RegionKind::Prose);
    }

    #[test]
    fn a_longer_fence_holds_a_shorter_one() {
        let page = "````md\n```bash\nls\n```\n````\nafter\n";
        assert_eq!(kind_at(page, "ls"), RegionKind::Fence(Language::Markdown));
        assert_eq!(kind_at(page, "after"), RegionKind::Prose);
    }
}
