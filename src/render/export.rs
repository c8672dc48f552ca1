//! Records of the audit for other programs: JSON Lines and CSV, page by page.

use std::io::{self, Write as _};

use reconciler::record::AuditRecord;

use super::escape::csv;
use crate::cli::ExportFormat;

/// The columns of the CSV.
const HEAD: &str = "seq,at,pass,kind,actor,body,prev_hash,hash\r\n";

/// An export on stdout that has begun.
pub(crate) struct Export {
    format: ExportFormat,
}

impl Export {
    /// Writes what stands before the first record.
    ///
    /// # Errors
    /// What stdout says, such as a full disk.
    pub(crate) fn begin(format: ExportFormat) -> io::Result<Self> {
        if format == ExportFormat::Csv {
            write(HEAD)?;
        }
        Ok(Self { format })
    }

    /// Writes records; false once the reader went away, such as `head`.
    ///
    /// # Errors
    /// What stdout says, such as a full disk.
    pub(crate) fn write(&mut self, records: &[AuditRecord]) -> io::Result<bool> {
        let line = match self.format {
            ExportFormat::Jsonl => json_line,
            ExportFormat::Csv => csv_line,
        };
        let mut page = String::new();
        for record in records {
            page.push_str(&line(record)?);
        }
        write(&page)
    }
}

fn write(text: &str) -> io::Result<bool> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        done => done.map(|()| true),
    }
}

fn json_line(record: &AuditRecord) -> io::Result<String> {
    Ok(serde_json::to_string(record)? + "\n")
}

fn csv_line(record: &AuditRecord) -> io::Result<String> {
    let AuditRecord { seq, at, pass, kind, actor, body, prev_hash, hash } = record;
    let pass = pass.map(|pass| pass.to_string()).unwrap_or_default();
    let (kind, actor, body) = (csv(kind), csv(actor), csv(body));
    Ok(format!("{seq},{at},{pass},{kind},{actor},{body},{prev_hash},{hash}\r\n"))
}

#[cfg(test)]
mod tests {
    use reconciler::ids::{Digest, PassId, Timestamp};

    use super::*;

    #[test]
    fn a_record_is_one_line_in_either_form() {
        let record = AuditRecord {
            seq: 4,
            at: Timestamp::from_millis(1_700_000_000_000),
            pass: Some(PassId(2)),
            kind: "held".to_owned(),
            actor: "=cmd|' /C calc'!A0".to_owned(),
            body: r#"{"message":"a, \"b\"\nc"}"#.to_owned(),
            prev_hash: Digest::of(b"3"),
            hash: Digest::of(b"4"),
        };
        let (prev, hash) = (record.prev_hash, record.hash);
        let expected = format!(
            "4,2023-11-14T22:13:20.000Z,2,held,'=cmd|' /C calc'!A0,\"{{\"\"message\"\":\"\"a, \\\"\"b\\\"\"\\nc\"\"}}\",{prev},{hash}\r\n"
        );
        assert_eq!(csv_line(&record).expect("text"), expected);
        let json = json_line(&record).expect("text");
        assert_eq!(json.lines().count(), 1);
        let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(read["body"]["message"], "a, \"b\"\nc");
    }
}
