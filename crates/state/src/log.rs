//! The journal's lines: `CHECKSUM JSON`, each naming the one before, and how to tell a torn tail from damage. Bytes in, bytes
//! out; it writes nothing and knows nothing of what the records mean.

use crate::document::World;
use infra_model::Str;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The version of the journal's shape that this binary writes.
pub(crate) const FORMAT: u32 = 1;

/// The first line: which snapshot the journal continues.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Version of the shape.
    pub(crate) infra_journal: u32,
    pub(crate) lineage: Str,
    /// Of the snapshot; 0 when there is none yet.
    pub(crate) serial: u64,
    /// The snapshot's checksum; none when there is none yet.
    pub(crate) snapshot: Option<String>,
    /// The last record folded into it.
    pub(crate) sequence: u64,
    pub(crate) stack_file: Str,
    pub(crate) world: World,
}

#[derive(Deserialize)]
struct Line<'a> {
    seq: u64,
    prev: String,
    durable: u64,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Where the journal ends: what the next record must name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct End {
    /// In bytes.
    pub(crate) len: u64,
    /// Of the last record.
    pub(crate) sequence: u64,
    /// Of the last line.
    pub(crate) checksum: u32,
}

/// A journal that was read.
#[derive(Debug)]
pub(crate) struct Log<'a> {
    pub(crate) header: Header,
    /// In order, with their offsets.
    pub(crate) records: Vec<(u64, u64, &'a RawValue)>,
    /// The end of the last good record; what lies behind it is a torn tail.
    pub(crate) end: End,
}

/// Why a journal cannot be read.
#[derive(Debug, PartialEq)]
pub(crate) enum LogError {
    /// It is not what was written.
    Damage { offset: u64, what: &'static str },
    /// Written by a newer version.
    Newer(u32),
}

/// The header's line.
pub(crate) fn header_line(header: &Header) -> (Vec<u8>, End) {
    let payload = serde_json::to_vec(header).expect("a header is plain text and numbers");
    let (line, checksum) = line(&payload);
    let end = End {
        len: line.len() as u64,
        sequence: header.sequence,
        checksum,
    };
    (line, end)
}

/// Adds a record's line to a buffer and moves the end.
pub(crate) fn push_record(buffer: &mut Vec<u8>, end: &mut End, durable: u64, data: &[u8]) {
    let sequence = end.sequence + 1;
    let mut payload = format!(
        "{{\"seq\":{sequence},\"prev\":\"{:08x}\",\"durable\":{durable},\"data\":",
        end.checksum
    )
    .into_bytes();
    payload.extend_from_slice(data);
    payload.push(b'}');
    let (line, checksum) = line(&payload);
    buffer.extend_from_slice(&line);
    *end = End {
        len: end.len + line.len() as u64,
        sequence,
        checksum,
    };
}

fn line(payload: &[u8]) -> (Vec<u8>, u32) {
    let checksum = crc32fast::hash(payload);
    let mut line = format!("{checksum:08x} ").into_bytes();
    line.extend_from_slice(payload);
    line.push(b'\n');
    (line, checksum)
}

/// The payload and checksum of a whole line that is what was written.
fn check(line: &[u8]) -> Option<(&[u8], u32)> {
    let (checksum, payload) = line.strip_suffix(b"\n")?.split_at_checked(9)?;
    let found = crc32fast::hash(payload);
    (checksum == format!("{found:08x} ").as_bytes()).then_some((payload, found))
}

/// Reads a journal as far as it is good.
pub(crate) fn read(bytes: &[u8]) -> Result<Log<'_>, LogError> {
    let mut lines = bytes.split_inclusive(|b| *b == b'\n');
    let bad_header = LogError::Damage {
        offset: 0,
        what: "the header is not what was written",
    };
    // The header is written with its file, in one atomic step: it is never torn.
    let Some((payload, checksum)) = lines.next().and_then(check) else {
        return Err(bad_header);
    };
    let header: Header = match serde_json::from_slice(payload) {
        Ok(header) => header,
        Err(_) => return Err(newer(payload).map_or(bad_header, LogError::Newer)),
    };
    if header.infra_journal > FORMAT {
        return Err(LogError::Newer(header.infra_journal));
    }
    let mut end = End {
        len: payload.len() as u64 + 10,
        sequence: header.sequence,
        checksum,
    };
    let mut records = Vec::new();
    for line in lines {
        let Some((record, checksum)) = follow(line, &end) else {
            let rest = &bytes[usize::try_from(end.len).expect("a file in memory fits")..];
            let declared = declared_durable(rest);
            if declared.is_some_and(|durable| durable > end.len) {
                return Err(LogError::Damage {
                    offset: end.len,
                    what: "a record that was safely on disk is not what was written",
                });
            }
            break;
        };
        records.push((record.seq, end.len, record.data));
        end = End {
            len: end.len + line.len() as u64,
            sequence: record.seq,
            checksum,
        };
    }
    Ok(Log {
        header,
        records,
        end,
    })
}

/// What is declared durable by any good line in bytes of which some are bad: it tells whether they ever were written whole.
/// Lines are found by how they begin, since the bad byte may be a line's end.
fn declared_durable(bytes: &[u8]) -> Option<u64> {
    const START: &[u8] = b" {\"seq\":";
    let starts = bytes.windows(START.len()).enumerate();
    starts
        .filter(|(_, window)| *window == START)
        .filter_map(|(space, _)| {
            let line = &bytes[space.checked_sub(8)?..];
            let line = line.split_inclusive(|b| *b == b'\n').next()?;
            serde_json::from_slice::<Line<'_>>(check(line)?.0).ok()
        })
        .map(|line| line.durable)
        .max()
}

/// A line that is good and follows on what was read so far.
fn follow<'a>(line: &'a [u8], end: &End) -> Option<(Line<'a>, u32)> {
    let (payload, checksum) = check(line)?;
    let record: Line<'a> = serde_json::from_slice(payload).ok()?;
    let prev = u32::from_str_radix(&record.prev, 16).ok()?;
    (record.seq == end.sequence + 1 && prev == end.checksum).then_some((record, checksum))
}

/// The format of a header that this version cannot read.
fn newer(payload: &[u8]) -> Option<u32> {
    let json: serde_json::Value = serde_json::from_slice(payload).ok()?;
    let format = u32::try_from(json.get("infra_journal")?.as_u64()?).ok()?;
    (format > FORMAT).then_some(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            infra_journal: FORMAT,
            lineage: "l".into(),
            serial: 3,
            snapshot: Some("sha256:x".to_owned()),
            sequence: 7,
            stack_file: "stacks/x.toml".into(),
            world: World::Cloud,
        }
    }

    /// Five records; the first two groups of two were synced. The bytes, and the offset of each line.
    fn journal() -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut end) = header_line(&header());
        let mut offsets = vec![0];
        let mut durable = end.len;
        for i in 0..5 {
            if i % 2 == 0 {
                durable = end.len;
            }
            offsets.push(bytes.len());
            push_record(
                &mut bytes,
                &mut end,
                durable,
                format!("{{\"n\":{i}}}").as_bytes(),
            );
        }
        assert_eq!(end.len, bytes.len() as u64);
        (bytes, offsets)
    }

    #[test]
    fn a_journal_reads_back() {
        let (bytes, offsets) = journal();
        let log = read(&bytes).expect("reads");
        assert_eq!(log.header, header());
        assert_eq!(log.end.len, bytes.len() as u64);
        let seen: Vec<_> = log
            .records
            .iter()
            .map(|(s, o, d)| (*s, *o, d.get().to_owned()))
            .collect();
        let expected: Vec<_> = (0..5)
            .map(|i| {
                (
                    8 + i as u64,
                    offsets[i + 1] as u64,
                    format!("{{\"n\":{i}}}"),
                )
            })
            .collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn cut_anywhere_it_is_read_up_to_the_last_whole_record() {
        let (bytes, offsets) = journal();
        for len in offsets[1]..bytes.len() {
            let whole = offsets.iter().filter(|o| **o <= len).count() - 2;
            let log = read(&bytes[..len]).expect("a torn tail");
            assert_eq!(log.records.len(), whole.min(5), "cut at {len}");
            assert_eq!(log.end.len, offsets[whole + 1] as u64);
        }
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let (bytes, offsets) = journal();
        for i in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[i] ^= 1;
            let line = offsets.iter().filter(|o| **o <= i).count() - 1;
            match read(&broken) {
                // Records 5 (and 3, 4 when nothing later says otherwise) may be a torn tail; the others were durable.
                Ok(log) => {
                    assert!(line >= 5, "byte {i} in line {line}");
                    assert_eq!(log.records.len(), line - 1);
                }
                Err(LogError::Damage { offset, .. }) => {
                    assert!(line < 5, "byte {i} in line {line}");
                    assert_eq!(offset, offsets[line] as u64, "byte {i}");
                }
                Err(LogError::Newer(_)) => panic!("byte {i}"),
            }
        }
    }

    #[test]
    fn records_that_are_missing_or_foreign_break_the_chain() {
        let (bytes, offsets) = journal();
        let without = |a: usize, b: usize| [&bytes[..offsets[a]], &bytes[offsets[b]..]].concat();
        assert!(matches!(read(&without(2, 3)), Err(LogError::Damage { .. })));
        // A hole among what was never synced is a torn tail.
        let (mut tail, mut end) = header_line(&header());
        let durable = end.len;
        let mut starts = Vec::new();
        for i in 0..3 {
            starts.push(tail.len());
            push_record(&mut tail, &mut end, durable, format!("{i}").as_bytes());
        }
        for byte in &mut tail[starts[1]..starts[2]] {
            *byte = 0;
        }
        assert_eq!(read(&tail).expect("torn").records.len(), 1);
    }

    #[test]
    fn a_newer_journal_is_told_apart_from_damage() {
        let mut newer = header();
        newer.infra_journal = FORMAT + 1;
        assert_eq!(
            read(&header_line(&newer).0).expect_err("newer"),
            LogError::Newer(FORMAT + 1)
        );
        let (strange, _) = line(br#"{"infra_journal":9,"other":true}"#);
        assert_eq!(read(&strange).expect_err("newer"), LogError::Newer(9));
        assert!(matches!(read(b""), Err(LogError::Damage { offset: 0, .. })));
    }
}
