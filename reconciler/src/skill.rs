//! A skill's file: front matter between two lines `---`, and text for the agent below it.
//!
//! The form is that of the Agent Skills specification. Parsing is bounded: the block is capped
//! before the YAML parser sees it, and the parser works within budgets that no honest skill nears.

use crate::finding::Place;

mod block;
mod recover;
mod yaml;

pub use block::{MAX_BLOCK_BYTES, is_fronted};

/// A skill's file, read.
#[derive(Debug, Clone)]
pub struct Document {
    /// It begins with a byte order mark.
    pub bom: bool,
    /// The first line that ends in a carriage return and a line feed.
    pub crlf: Option<u32>,
    /// Its front matter, or what is wrong with it.
    pub front: Result<FrontMatter, Fault>,
}

/// The fields of a front matter.
#[derive(Debug, Clone, Default)]
pub struct FrontMatter {
    /// All of them, in order.
    pub fields: Vec<Field>,
    /// The line of the description, where the block is YAML only once that line is quoted.
    pub recovered: Option<u32>,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its key; one that is no text is shown as what it is.
    pub key: String,
    /// Where the key stands in the file.
    pub place: Place,
    /// Its value.
    pub value: Value,
}

/// The value of a field, as far as anybody needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(String),
    /// Nothing.
    Null,
    /// True or false.
    Boolean,
    /// A number.
    Number,
    /// A list.
    List(Vec<Value>),
    /// A mapping.
    Mapping(Vec<Field>),
}

impl Value {
    /// What it is, in words.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Null => "nothing",
            Self::Boolean => "true or false",
            Self::Number => "a number",
            Self::List(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

/// What is wrong with a front matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The first line is not `---`.
    Missing,
    /// No second line `---`.
    Unclosed,
    /// It is no YAML, or exceeds a budget.
    Invalid {
        /// Where.
        place: Place,
        /// Why.
        why: String,
    },
    /// It is YAML and no mapping.
    NotMapping {
        /// Where.
        place: Place,
        /// What it is.
        what: &'static str,
    },
    /// A key stands twice in one mapping.
    DuplicateKey {
        /// Where the second one stands.
        place: Place,
        /// The key, where it is text.
        key: Option<String>,
    },
    /// A character, or a tag, that has no business there.
    Character {
        /// Where.
        place: Place,
        /// What it is.
        what: String,
    },
}

impl Document {
    /// Reads a skill's file.
    pub fn parse(text: &str) -> Self {
        let bare = text.strip_prefix('\u{feff}');
        let text = bare.unwrap_or(text);
        Self { bom: bare.is_some(), crlf: first_crlf(text), front: block::find(text).and_then(yaml::parse) }
    }
}

impl FrontMatter {
    /// The field of a key.
    pub fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// The value of a key, where it is text.
    pub fn text(&self, key: &str) -> Option<&str> {
        match &self.field(key)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

fn first_crlf(text: &str) -> Option<u32> {
    text.find("\r\n").map(|at| Place::of_offset(text, at).line)
}

#[cfg(test)]
mod tests;
