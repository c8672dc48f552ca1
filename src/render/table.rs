//! Plain tables: columns as wide as their widest cell, two spaces apart.

use std::fmt;

use super::escape::terminal;
use super::style::{Style, Tone};

/// One cell.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    tone: Option<Tone>,
}

impl Cell {
    /// A text, escaped.
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        Self { text: terminal(&text.to_string()), tone: None }
    }

    /// The same in a tone.
    pub(crate) fn tone(self, tone: Tone) -> Self {
        Self { tone: Some(tone), ..self }
    }
}

/// A table with a head.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
    style: Style,
}

impl Table {
    /// A table with these columns.
    pub(crate) fn new(head: &[&str], style: Style) -> Self {
        let head = head.iter().map(|title| Cell::new(title).tone(Tone::Dim)).collect();
        Self { rows: vec![head], style }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.text.chars().count()).max().unwrap_or(0)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.rows[0].len()).map(|column| self.width(column)).collect();
        for row in &self.rows {
            // Nothing is padded at the end of a line.
            let last = row.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or(0);
            for (at, cell) in row.iter().enumerate().take(last + 1) {
                let width = if at == last { 0 } else { widths.get(at).map_or(0, |width| width + 2) };
                match cell.tone {
                    Some(tone) => write!(f, "{:width$}", self.style.paint(tone, cell.text.as_str()))?,
                    None => write!(f, "{:width$}", cell.text)?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["PASS", "OUTCOME"], Style::Plain);
        table.row([Cell::new(12), Cell::new("applied")]);
        table.row([Cell::new(100_000), Cell::new("a\nb")]);
        assert_eq!(table.to_string(), "PASS    OUTCOME\n12      applied\n100000  a\\u{a}b\n");
    }
}
