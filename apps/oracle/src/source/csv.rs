//! Values in a file that grows: a table with a line of names, and a row for each time.

use super::{Said, SourceError, TimeUnit};
use serde::Deserialize;
use std::{
    fs,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

/// Bytes of the line of names.
const HEAD_BYTES_MAX: u64 = 1 << 14;
/// Bytes at the end of the file that are read: some ten thousand rows.
const TAIL_BYTES_MAX: u64 = 1 << 20;

/// A file, as it stands in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    path: PathBuf,
    /// Name of the column with values.
    column: String,
    /// Name of the column with times. With it the last row that is not in the future counts; without
    /// it the last row, as of when the file was written.
    time_column: Option<String>,
    #[serde(default)]
    time_unit: TimeUnit,
}

impl File {
    /// The same with a path that does not depend on where the process runs.
    pub(super) fn within(&self, folder: &Path) -> Self {
        Self { path: folder.join(&self.path), ..self.clone() }
    }

    pub(super) fn read(&self, now: u64) -> Result<Said, SourceError> {
        let (head, tail, written_at) = ends(&self.path).map_err(SourceError::File)?;
        let names = fields(&head);
        let place = |name: &str| {
            let found = names.iter().position(|found| found.trim() == name);
            found.ok_or_else(|| SourceError::Column(name.to_owned()))
        };
        let column = place(&self.column)?;
        let time_column = self.time_column.as_deref().map(place).transpose()?;
        let mut rows = tail.lines().rev().filter(|line| !line.trim().is_empty()).map(fields);
        let Some(time_column) = time_column else {
            let row = rows.next().ok_or(SourceError::Row(""))?;
            let text = row.get(column).ok_or(SourceError::Row(" with that column"))?;
            return Ok(Said { text: text.trim().to_owned(), at: written_at });
        };
        let mut last: Option<Said> = None;
        for row in rows {
            let (Some(text), Some(time)) = (row.get(column), row.get(time_column)) else {
                return Err(SourceError::Row(" with those columns"));
            };
            let at = self.time_unit.read(time.trim())?;
            // Rows may be in any order; of two of the same time the later one counts.
            if at <= now && last.as_ref().is_none_or(|last| at > last.at) {
                last = Some(Said { text: text.trim().to_owned(), at });
            }
        }
        last.ok_or(SourceError::Row(" that is not in the future"))
    }
}

/// The line of names, whole rows at the end, and when the file was written, in seconds since 1970.
/// What follows the last end of a line is left out: somebody may be writing it.
fn ends(path: &Path) -> io::Result<(String, String, u64)> {
    let mut file = fs::File::open(path)?;
    let about = file.metadata()?;
    let written_at = about.modified()?.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let mut head = Vec::new();
    file.by_ref().take(HEAD_BYTES_MAX).read_to_end(&mut head)?;
    let too_long = || io::Error::other("its first line is too long, or does not end");
    let head_end = head.iter().position(|byte| *byte == b'\n').ok_or_else(too_long)?;
    let rows_begin = head_end as u64 + 1;
    let tail_begin = about.len().saturating_sub(TAIL_BYTES_MAX).max(rows_begin);
    file.seek(SeekFrom::Start(tail_begin))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES_MAX).read_to_end(&mut tail)?;
    let end = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    tail.truncate(end);
    if tail_begin > rows_begin {
        // The first of them is cut off.
        let begin = tail.iter().position(|byte| *byte == b'\n').map_or(0, |first| first + 1);
        tail.drain(..begin);
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let head = text(&head[..head_end]);
    Ok((head.trim_start_matches('\u{feff}').to_owned(), text(&tail), written_at))
}

/// The fields of a line by RFC 4180, of which none spans lines.
fn fields(line: &str) -> Vec<String> {
    let line = line.trim_end_matches('\r');
    let mut fields = vec![String::new()];
    let mut is_quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        let last = fields.len() - 1;
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                letters.next();
                fields[last].push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(String::new()),
            _ => fields[last].push(letter),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(content: &[u8], time_column: Option<&str>, now: u64) -> Result<Said, SourceError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prices.csv");
        fs::write(&path, content).unwrap();
        let file = File {
            path: "prices.csv".into(),
            column: "close".to_owned(),
            time_column: time_column.map(str::to_owned),
            time_unit: TimeUnit::Seconds,
        };
        file.within(folder.path()).read(now)
    }

    #[test]
    fn the_last_whole_row_counts() {
        let said = read(b"time,close\n1,10\n2,20\n3,3", None, 0).unwrap();
        assert_eq!(said.text, "20");
        let said =
            read(b"\xef\xbb\xbfclose,\"note, of mine\"\r\n10,\"a \"\"b\"\", c\"\r\n", None, 0);
        assert_eq!(said.unwrap().text, "10");
    }

    #[test]
    fn the_last_row_that_is_not_in_the_future_counts() {
        let content = b"time,close\n10,1.0\n30,3.0\n20,2.0\n";
        for (now, text, at) in [(10, "1.0", 10), (29, "2.0", 20), (30, "3.0", 30), (99, "3.0", 30)]
        {
            let expected = Said { text: text.to_owned(), at };
            assert_eq!(read(content, Some("time"), now).unwrap(), expected);
        }
        assert!(matches!(read(content, Some("time"), 9), Err(SourceError::Row(_))));
    }

    #[test]
    fn what_is_missing_is_an_error() {
        assert!(matches!(read(b"", None, 0), Err(SourceError::File(_))));
        assert!(matches!(read(b"close", None, 0), Err(SourceError::File(_))));
        assert!(matches!(read(b"close\n", None, 0), Err(SourceError::Row(_))));
        assert!(matches!(read(b"close\n12", None, 0), Err(SourceError::Row(_))));
        assert!(matches!(read(b"price\n12\n", None, 0), Err(SourceError::Column(_))));
        assert!(matches!(read(b"time,close\n12\n", None, 0), Err(SourceError::Row(_))));
        assert!(matches!(
            read(b"time,close\nx,1\n", Some("time"), 0),
            Err(SourceError::Number { .. })
        ));
    }

    #[test]
    fn of_a_long_file_the_end_is_read() {
        let mut content = b"time,close\n".to_vec();
        let mut rows = 0;
        while content.len() < 3 << 20 {
            rows += 1;
            content.extend(format!("{rows},{rows}.5\n").bytes());
        }
        let said = read(&content, Some("time"), u64::MAX).unwrap();
        assert_eq!(said, Said { text: format!("{rows}.5"), at: rows });
        let long = [b"close".repeat(10_000), b"\n1\n".to_vec()].concat();
        assert!(matches!(read(&long, None, 0), Err(SourceError::File(_))));
    }

    proptest! {
        #[test]
        fn any_file_has_a_row_or_an_error(content in "(time,close\n)?[0-9,\"\r\n.\\PC]{0,80}") {
            let _ = read(content.as_bytes(), Some("time"), 100);
            let _ = read(content.as_bytes(), None, 100);
        }
    }
}
