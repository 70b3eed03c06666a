//! Parquet, one event a row, in row groups that fit in memory.

use std::sync::Arc;

use anyhow::Context as _;
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::record::{Record, Sink};
use super::target::Target;

/// Rows of a group.
const ROWS: usize = 50_000;

/// The columns of [`super::record::COLUMNS`].
const SCHEMA: &str = "message activity {
    required int64 time (timestamp(micros, true));
    required binary org (string);
    required binary repo (string);
    required int64 repo_id;
    required binary kind (string);
    required binary id (string);
    required binary user (string);
    optional int64 number;
    optional binary state (string);
    optional binary on (string);
    optional binary merged_by (string);
    optional int64 seconds;
    optional int64 additions;
    optional int64 deletions;
    optional int64 changed_files;
    optional int64 lines;
}";

pub(super) struct Parquet {
    writer: SerializedFileWriter<Target>,
    rows: Vec<Row>,
}

/// A row that waits for its group.
struct Row {
    texts: [ByteArray; 5],
    optional_texts: [Option<ByteArray>; 3],
    numbers: [i64; 2],
    optional_numbers: [Option<i64>; 6],
}

impl Parquet {
    pub(super) fn new(target: Target) -> anyhow::Result<Parquet> {
        let schema = parse_message_type(SCHEMA).expect("the schema is well formed");
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let writer = SerializedFileWriter::new(target, Arc::new(schema), Arc::new(properties));
        Ok(Parquet {
            writer: writer.context("cannot begin the export")?,
            rows: Vec::with_capacity(ROWS),
        })
    }

    fn write_group(&mut self) -> parquet::errors::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = &self.rows;
        let mut group = self.writer.next_row_group()?;
        numbers(&mut group, rows, |row| row.numbers[0])?;
        texts(&mut group, rows, 0)?;
        texts(&mut group, rows, 1)?;
        numbers(&mut group, rows, |row| row.numbers[1])?;
        for place in 2..5 {
            texts(&mut group, rows, place)?;
        }
        optional_numbers(&mut group, rows, 0)?;
        for place in 0..3 {
            let value = |row: &Row| row.optional_texts[place].clone();
            column::<ByteArrayType>(&mut group, rows, true, value)?;
        }
        for place in 1..6 {
            optional_numbers(&mut group, rows, place)?;
        }
        group.close()?;
        self.rows.clear();
        Ok(())
    }
}

type Group<'a> = SerializedRowGroupWriter<'a, Target>;

fn numbers(
    group: &mut Group<'_>,
    rows: &[Row],
    value: impl Fn(&Row) -> i64,
) -> parquet::errors::Result<()> {
    column::<Int64Type>(group, rows, false, |row| Some(value(row)))
}

fn optional_numbers(
    group: &mut Group<'_>,
    rows: &[Row],
    place: usize,
) -> parquet::errors::Result<()> {
    column::<Int64Type>(group, rows, true, |row| row.optional_numbers[place])
}

fn texts(group: &mut Group<'_>, rows: &[Row], place: usize) -> parquet::errors::Result<()> {
    column::<ByteArrayType>(group, rows, false, |row| Some(row.texts[place].clone()))
}

/// The next column of the group.
fn column<T: DataType>(
    group: &mut Group<'_>,
    rows: &[Row],
    is_optional: bool,
    value: impl Fn(&Row) -> Option<T::T>,
) -> parquet::errors::Result<()> {
    let mut column = group
        .next_column()?
        .expect("the schema has as many columns as are written");
    let values: Vec<Option<T::T>> = rows.iter().map(value).collect();
    // A level of 1 says that the value is there.
    let levels: Vec<i16> = values
        .iter()
        .map(|value| i16::from(value.is_some()))
        .collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    let levels = is_optional.then_some(levels.as_slice());
    column.typed::<T>().write_batch(&values, levels, None)?;
    column.close()
}

/// Numbers of GitHub's are far from the bound.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Sink for Parquet {
    fn take(&mut self, record: &Record<'_>) -> anyhow::Result<()> {
        let text = |text: &str| ByteArray::from(text.as_bytes().to_vec());
        self.rows.push(Row {
            texts: [record.org, record.repo, record.kind, record.id, record.user].map(text),
            optional_texts: [
                record.state.map(text),
                record.on.map(text),
                record.merged_by.as_deref().map(text),
            ],
            numbers: [record.time.as_microsecond(), signed(record.repo_id)],
            optional_numbers: [
                record.number,
                record.seconds,
                record.additions,
                record.deletions,
                record.changed_files,
                record.lines,
            ]
            .map(|number| number.map(signed)),
        });
        if self.rows.len() == ROWS {
            self.write_group().context("cannot write the export")?;
        }
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<Target> {
        self.write_group().context("cannot write the export")?;
        self.writer.into_inner().context("cannot write the export")
    }
}
