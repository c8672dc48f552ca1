//! YAML within budgets.
//!
//! serde-saphyr holds the budgets and knows duplicate keys; tags and characters it lets pass, so the
//! events of what it accepted are looked at once more.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::granit_parser::{self, Event};
use serde_saphyr::{DuplicateKeyPolicy, Error, MergeKeyPolicy, NonFiniteFloatPolicy, Options, Spanned};

use super::block::MAX_BLOCK_BYTES;
use super::{Fault, Field, FrontMatter, Value, recover};
use crate::finding::Place;
use crate::path::is_format;

/// How deep the values of a front matter may be in each other.
const MAX_DEPTH: usize = 8;

/// How many values it may have.
const MAX_NODES: usize = 2_000;

/// Parses a block that begins on the second line of its file; after one failure once more with its
/// description quoted.
pub(super) fn parse(block: &str) -> Result<FrontMatter, Fault> {
    check_characters(block)?;
    let fault = match parse_exactly(block) {
        Ok(fields) => return Ok(FrontMatter { fields, recovered: None }),
        Err(fault) => fault,
    };
    let Fault::Invalid { .. } = fault else { return Err(fault) };
    let Some((mended, line)) = recover::quote_description(block) else { return Err(fault) };
    match parse_exactly(&mended) {
        Ok(fields) => Ok(FrontMatter { fields, recovered: Some(line + 1) }),
        Err(_) => Err(fault),
    }
}

fn parse_exactly(block: &str) -> Result<Vec<Field>, Fault> {
    if block.lines().all(|line| line.trim().is_empty() || line.starts_with('#')) {
        return Ok(Vec::new());
    }
    let top: Value = serde_saphyr::from_str_with_options(block, options()).map_err(|error| fault(&error))?;
    check_events(block)?;
    match top {
        Value::Mapping(fields) => Ok(fields),
        Value::Null => Ok(Vec::new()),
        other => Err(Fault::NotMapping { place: Place { line: 2, column: 1 }, what: other.what() }),
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_aliases: 0,
            max_anchors: 0,
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_total_scalar_bytes: MAX_BLOCK_BYTES,
            max_documents: 1,
            max_merge_keys: 0,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        ignore_binary_tag_for_string: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    }
}

fn fault(error: &Error) -> Fault {
    let place = error.location().map_or(Place { line: 2, column: 1 }, |at| place(at.line(), at.column()));
    match error.without_snippet() {
        Error::DuplicateMappingKey { key, .. } => Fault::DuplicateKey { place, key: key.clone() },
        Error::Budget { breach, .. } => Fault::Invalid { place, why: exceeded(breach) },
        error => Fault::Invalid { place, why: plain(error) },
    }
}

fn exceeded(breach: &serde_saphyr::budget::BudgetBreach) -> String {
    use serde_saphyr::budget::BudgetBreach::{Aliases, Anchors, Depth, Nodes};
    match breach {
        Anchors { .. } => "it uses an anchor (`&`), which front matter does not need".to_owned(),
        Aliases { .. } => "it uses an alias (`*`), which front matter does not need".to_owned(),
        Depth { .. } => format!("values are more than {MAX_DEPTH} levels deep in each other"),
        Nodes { .. } => format!("it has more than {MAX_NODES} values"),
        _ => "it is larger than front matter may be".to_owned(),
    }
}

/// The parser's message without the place at its end, which the finding has on its own.
fn plain(error: &Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.split(" at line ").next().unwrap_or(line).to_owned()
}

/// A place in the block as one in the file, whose first line is the fence.
fn place(line: impl TryInto<u32>, column: impl TryInto<u32>) -> Place {
    Place {
        line: line.try_into().unwrap_or(u32::MAX).saturating_add(1),
        column: column.try_into().unwrap_or(u32::MAX).max(1),
    }
}

/// Looks for characters that nobody types: whoever reads the file would not see what they do.
fn check_characters(block: &str) -> Result<(), Fault> {
    let Some((at, found)) = block.char_indices().find(|(_, c)| is_foul(*c)) else { return Ok(()) };
    let Place { line, column } = Place::of_offset(block, at);
    Err(Fault::Character { place: place(line, column), what: name(found) })
}

/// Looks at what the parser accepts in silence: tags, and characters written as escapes.
fn check_events(block: &str) -> Result<(), Fault> {
    for event in granit_parser::Parser::new_from_str(block) {
        // What does not parse here did not parse before, and never came this far.
        let Ok((event, span)) = event else { break };
        let (text, tag) = match &event {
            Event::Scalar(text, _, _, tag) => (text.as_ref(), tag),
            Event::SequenceStart(_, _, tag) | Event::MappingStart(_, _, tag) => ("", tag),
            _ => continue,
        };
        let place = place(span.start.line(), span.start.col() + 1);
        if let Some(tag) = tag {
            return Err(Fault::Character { place, what: format!("the YAML tag `{tag}`") });
        }
        if let Some(found) = text.chars().find(|c| is_foul(*c)) {
            return Err(Fault::Character { place, what: name(found) });
        }
    }
    Ok(())
}

/// Control and format characters, but for white space and for the two joiners that emoji and
/// several scripts are written with.
fn is_foul(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | '\u{200c}' | '\u{200d}' => false,
        _ => c.is_control() || is_format(c),
    }
}

fn name(c: char) -> String {
    let what = if c.is_control() { "control" } else { "invisible format" };
    format!("the {what} character U+{:04X}", u32::from(c))
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Vec::new();
        while let Some((key, value)) = map.next_entry::<Spanned<Value>, Value>()? {
            let place = place(key.referenced.line(), key.referenced.column());
            let key = match key.value {
                Value::Text(key) => key,
                other => format!("<{}>", other.what()),
            };
            fields.push(Field { key, place, value });
        }
        Ok(Value::Mapping(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Boolean)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Number)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Value, E> {
        Ok(Value::Number)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Value, E> {
        Ok(Value::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Number)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}
