//! What the scan costs: from start to the first verdict (at most 50 ms), and a skill (at most 1 ms).

use std::io::{self, Write as _};
use std::time::Instant;

use reconciler::scan::{ScanError, Scanner, Subject, SubjectFile};

/// Skills that are scanned to measure one.
const SKILLS: u32 = 500;
/// An ordinary section of a skill; ten make a skill of 6 kB, the median of popular ones.
const SECTION: &str = "## Step\n\nRead the file, find each heading, and write a summary of what it says. Ask the user \
where it is not clear which of the files is meant; never change a file that was not named. The result is a table \
with one row for each heading.\n\n```bash\npython3 scripts/convert.py --input report.md --output report.json\n\
curl -s https://api.example.com/v1/items | jq '.items[] | .name' | sort\n```\n\n- Keep the order of the headings.\n\
- Leave out what is empty.\n- Use `--strict` to stop at the first error.\n\n";

fn main() -> Result<(), ScanError> {
    let page = SECTION.repeat(10);
    let started = Instant::now();
    let scanner = Scanner::new()?;
    scan(&scanner, &page)?;
    let first = started.elapsed();
    let begun = Instant::now();
    for _ in 0..SKILLS {
        scan(&scanner, &page)?;
    }
    let each = begun.elapsed() / SKILLS;
    let size = page.len();
    // A bench whose output cannot be written has nobody to tell.
    let _ = writeln!(io::stdout(), "start to first verdict {first:?}; a skill of {size} bytes {each:?}");
    Ok(())
}

fn scan(scanner: &Scanner, page: &str) -> Result<(), ScanError> {
    let file = SubjectFile {
        path: "SKILL.md".to_owned(),
        executable: false,
        entry: true,
        size: u64::try_from(page.len()).unwrap_or(u64::MAX),
        read: Box::new(|| Ok(page.as_bytes().to_vec())),
    };
    std::hint::black_box(scanner.scan(&Subject { files: vec![file] })?);
    Ok(())
}
