//! Which commit a remote names, without its objects: protocol v2's `ls-refs` over HTTP
//! (gitprotocol-v2), and the files of a repository on this machine (gitrepository-layout).
//!
//! Nothing here is trusted to bring anything: an answer only says that there is nothing to bring. What
//! is odd is none, and then libgit2 asks in its own process.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::reference::Reference;
use crate::ids::CommitId;

/// The most that is read of a file that holds one reference, in bytes.
const MAX_LOOSE: u64 = 4 << 10;

/// The most that is read of a file that holds many (4 MiB, some 60,000 of them), in bytes.
const MAX_PACKED: u64 = 4 << 20;

/// How many symbolic references may lead to each other.
const MAX_SYMBOLIC: usize = 5;

/// A reference, by its full name, and the commit that it comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) commit: CommitId,
}

/// One line of an answer.
struct Line<'a> {
    name: &'a str,
    commit: CommitId,
    symbolic: Option<&'a str>,
}

/// The request that lists no more than what a reference may be; none for what no name leads to.
pub(super) fn question(reference: &Reference) -> Option<Vec<u8>> {
    let names = match reference {
        Reference::Head => vec!["HEAD".to_owned()],
        Reference::Full(name) => vec![name.clone()],
        Reference::Name(name) => vec![format!("refs/heads/{name}"), format!("refs/tags/{name}")],
        _ => return None,
    };
    let mut request =
        [packet("command=ls-refs\n"), "0001".into(), packet("peel\n"), packet("symrefs\n")].concat();
    request.extend(names.iter().map(|name| packet(&format!("ref-prefix {name}\n"))));
    request.push_str("0000");
    Some(request.into_bytes())
}

fn packet(text: &str) -> String {
    format!("{:04x}{text}", text.len() + 4)
}

/// What a reference comes to by an answer to [`question`]; none where the answer is not exactly a list
/// that names it once.
pub(super) fn answered(reference: &Reference, answer: &[u8]) -> Option<Named> {
    let lines = lines(answer)?;
    let mut meant = lines.iter().filter(|line| is_meant(reference, line.name));
    let line = meant.next().filter(|_| meant.next().is_none())?;
    let name = line.symbolic.filter(|_| *reference == Reference::Head).unwrap_or(line.name);
    Some(Named { name: name.to_owned(), commit: line.commit })
}

fn is_meant(reference: &Reference, name: &str) -> bool {
    match reference {
        Reference::Head => name == "HEAD",
        Reference::Full(full) => name == full,
        Reference::Name(short) => {
            let of = |kind| name.strip_prefix(kind) == Some(short.as_str());
            of("refs/heads/") || of("refs/tags/")
        }
        _ => false,
    }
}

/// The lines of a list that ends where the answer does.
fn lines(mut answer: &[u8]) -> Option<Vec<Line<'_>>> {
    let mut lines = Vec::new();
    loop {
        let (length, rest) = answer.split_at_checked(4)?;
        let length = usize::from_str_radix(std::str::from_utf8(length).ok()?, 16).ok()?;
        if length == 0 {
            return rest.is_empty().then_some(lines);
        }
        let (text, rest) = rest.split_at_checked(length.checked_sub(4)?)?;
        lines.push(line(std::str::from_utf8(text).ok()?.trim_end_matches('\n'))?);
        answer = rest;
    }
}

fn line(text: &str) -> Option<Line<'_>> {
    let mut words = text.split(' ');
    let (id, name) = (words.next()?.parse().ok()?, words.next()?);
    let mut line = Line { name, commit: id, symbolic: None };
    for attribute in words {
        if let Some(target) = attribute.strip_prefix("symref-target:") {
            line.symbolic = Some(target);
        } else if let Some(peeled) = attribute.strip_prefix("peeled:") {
            line.commit = peeled.parse().ok()?;
        }
    }
    Some(line)
}

/// What a reference comes to in a repository on this machine, read as its files have it.
pub(super) fn on_disk(reference: &Reference, repository: &Path) -> Option<Named> {
    let inner = repository.join(".git");
    let git = if inner.is_dir() { inner } else { repository.to_owned() };
    match reference {
        Reference::Head => {
            let head = read(&git.join("HEAD"), MAX_LOOSE)?;
            match symbolic(&head) {
                Some(name) => resolve(&git, name),
                None => Some(Named { name: "HEAD".to_owned(), commit: head.trim_end().parse().ok()? }),
            }
        }
        Reference::Full(name) => resolve(&git, name),
        Reference::Name(name) => {
            let (branch, tag) = (format!("refs/heads/{name}"), format!("refs/tags/{name}"));
            match (resolve(&git, &branch), resolve(&git, &tag)) {
                (Some(one), None) | (None, Some(one)) => Some(one),
                _ => None,
            }
        }
        _ => None,
    }
}

fn resolve(git: &Path, name: &str) -> Option<Named> {
    let mut at = name.to_owned();
    for _ in 0..MAX_SYMBOLIC {
        // A name that git takes has no `..` in it and begins with no slash.
        if !at.starts_with("refs/") || !git2::Reference::is_valid_name(&at) {
            return None;
        }
        let Some(text) = read(&git.join(&at), MAX_LOOSE) else {
            // Git writes the packed one before it removes the loose one.
            let commit = packed(&read(&git.join("packed-refs"), MAX_PACKED)?, &at)?;
            return Some(Named { name: name.to_owned(), commit });
        };
        match symbolic(&text) {
            Some(next) => at = next.to_owned(),
            None => return Some(Named { name: name.to_owned(), commit: text.trim_end().parse().ok()? }),
        }
    }
    None
}

fn symbolic(text: &str) -> Option<&str> {
    text.strip_prefix("ref: ").map(str::trim_end)
}

/// The commit of a packed reference; that of an annotated tag is in the line below.
fn packed(text: &str, name: &str) -> Option<CommitId> {
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some((id, found)) = line.split_once(' ')
            && found == name
        {
            let peeled = lines.peek().and_then(|next| next.strip_prefix('^'));
            return peeled.unwrap_or(id).parse().ok();
        }
    }
    None
}

/// A file, where it is no longer than `most` bytes.
fn read(path: &Path, most: u64) -> Option<String> {
    // What is no regular file could keep the reader for ever.
    let file = path
        .symlink_metadata()
        .ok()
        .filter(std::fs::Metadata::is_file)
        .and_then(|_| File::open(path).ok())?;
    let mut text = String::new();
    let read = file.take(most + 1).read_to_string(&mut text).ok()?;
    (u64::try_from(read).ok()? <= most).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> String {
        digit.to_string().repeat(40)
    }

    fn list(lines: &[String]) -> Vec<u8> {
        let mut text: String = lines.iter().map(|line| packet(&format!("{line}\n"))).collect();
        text.push_str("0000");
        text.into_bytes()
    }

    fn head() -> Vec<u8> {
        list(&[format!("{} HEAD symref-target:refs/heads/main", id('a'))])
    }

    fn named(name: &str, digit: char) -> Option<Named> {
        Some(Named { name: name.to_owned(), commit: id(digit).parse().unwrap() })
    }

    fn reference(text: &str) -> Reference {
        Reference::parse(text).unwrap()
    }

    #[test]
    fn the_question_names_nothing_but_what_is_followed() {
        let text = |name: &str| String::from_utf8(question(&reference(name)).unwrap()).unwrap();
        assert_eq!(text("HEAD"), "0014command=ls-refs\n00010009peel\n000csymrefs\n0014ref-prefix HEAD\n0000");
        assert!(text("main").contains("001fref-prefix refs/heads/main\n001eref-prefix refs/tags/main\n"));
        assert!(question(&reference(&id('a'))).is_none(), "no name leads to a commit");
    }

    #[test]
    fn head_is_the_branch_that_it_stands_for_and_a_tag_the_commit_that_it_names() {
        assert_eq!(answered(&Reference::Head, &head()), named("refs/heads/main", 'a'));
        let detached = list(&[format!("{} HEAD", id('b'))]);
        assert_eq!(answered(&Reference::Head, &detached), named("HEAD", 'b'));
        let tags = list(&[
            format!("{} refs/tags/v1 peeled:{}", id('c'), id('d')),
            format!("{} refs/tags/v10", id('e')),
        ]);
        assert_eq!(answered(&reference("v1"), &tags), named("refs/tags/v1", 'd'));
        assert_eq!(answered(&reference("refs/tags/v10"), &tags), named("refs/tags/v10", 'e'));
    }

    #[test]
    fn what_is_not_exactly_a_list_is_no_answer() {
        let whole = head();
        let both = list(&[format!("{} refs/heads/v1", id('a')), format!("{} refs/tags/v1", id('a'))]);
        assert!(answered(&reference("v1"), &both).is_none(), "a branch and a tag");
        for cut in 0..whole.len() {
            assert!(answered(&Reference::Head, &whole[..cut]).is_none(), "cut at {cut}");
        }
        let odd: [&[u8]; 9] = [
            b"",
            b"0000",
            b"0001",
            b"0003",
            b"00000000",
            b"ffff",
            b"zzzz",
            b"000dERR no!\n0000",
            b"0009\xff\xfe\xfd\xfc\n0000",
        ];
        for odd in odd {
            assert!(answered(&Reference::Head, odd).is_none(), "{odd:?}");
        }
        let longer = [whole.as_slice(), b"0"].concat();
        assert!(answered(&Reference::Head, &longer).is_none());
        let unborn = list(&["unborn HEAD symref-target:refs/heads/main".to_owned()]);
        assert!(answered(&Reference::Head, &unborn).is_none());
    }

    #[test]
    fn references_on_disk_are_read_loose_packed_and_symbolic() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let seen = |name: &str| on_disk(&reference(name), root.path());
        assert_eq!(seen("HEAD"), None, "no repository");
        write("HEAD", "ref: refs/heads/main\n");
        assert_eq!(seen("HEAD"), None, "a branch that is not born");
        write(
            "packed-refs",
            &format!(
                "# pack-refs with: peeled\n{} refs/heads/main\n{} refs/tags/v1\n^{}\n",
                id('a'),
                id('b'),
                id('c')
            ),
        );
        assert_eq!(seen("HEAD"), named("refs/heads/main", 'a'));
        assert_eq!(seen("v1"), named("refs/tags/v1", 'c'));
        write("refs/heads/main", &format!("{}\n", id('d')));
        assert_eq!(seen("main"), named("refs/heads/main", 'd'), "what is loose is newer");
        write("refs/tags/main", &format!("{}\n", id('d')));
        assert_eq!(seen("main"), None, "both a branch and a tag");
        write("refs/heads/round", "ref: refs/heads/round\n");
        write("refs/heads/out", "ref: refs/heads/../../../secret\n");
        assert_eq!((seen("round"), seen("out")), (None, None));
        write("HEAD", &format!("{}\n", id('e')));
        assert_eq!(seen("HEAD"), named("HEAD", 'e'), "detached");
        write("refs/heads/long", &"a".repeat(5_000));
        assert_eq!(seen("long"), None);
    }
}
