//! A report into the bytes of its three files: the same report, the same bytes.

use super::Tables;
use super::schema::{
    KEY_CLAIM, KEY_EPOCH, KEY_SCENARIO, KEY_TABLE, KEY_VERSION, Kind, Table, VERSION,
};
use crate::results::{Report, Run};
use parquet::basic::{Compression, Encoding};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use std::sync::Arc;

/// So many rows go into one row group; what waits to be written stays below 200 MiB.
const GROUP_ROWS: usize = 1 << 20;

/// The report's runs as Parquet. Findings are left out, and so is a series that has no epochs.
pub fn write(report: &Report) -> Tables {
    let of = |table| file(table, report).expect("a table of known columns is written into memory");
    Tables { runs: of(Table::Runs), figures: of(Table::Figures), series: of(Table::Series) }
}

fn file(table: Table, report: &Report) -> Result<Vec<u8>> {
    let mut sheet = Sheet::new(table, report)?;
    let scenario = ByteArray::from(report.scenario.as_str());
    for run in &report.runs {
        let head = [Cell::Text(scenario.clone()), text(&run.arm), Cell::Count(run.seed)];
        match table {
            Table::Runs => sheet.push(head.into_iter().chain([text(&run.trace.to_string())]))?,
            Table::Figures => add_figures(&mut sheet, &head, run)?,
            Table::Series => add_series(&mut sheet, &head, run)?,
        }
    }
    sheet.finish()
}

fn add_figures(sheet: &mut Sheet, head: &[Cell], run: &Run) -> Result<()> {
    for (name, value) in &run.figures {
        sheet.push(head.iter().cloned().chain([text(name), Cell::Value(*value)]))?;
    }
    Ok(())
}

fn add_series(sheet: &mut Sheet, head: &[Cell], run: &Run) -> Result<()> {
    for (name, values) in &run.series {
        let name = text(name);
        for (epoch, value) in (0..).zip(values) {
            let row = [Cell::Count(epoch), name.clone(), Cell::Value(*value)];
            sheet.push(head.iter().cloned().chain(row))?;
        }
    }
    Ok(())
}

fn text(text: &str) -> Cell {
    Cell::Text(text.into())
}

#[derive(Clone)]
enum Cell {
    Text(ByteArray),
    Count(u64),
    Value(f64),
}

enum Column {
    Text(Vec<ByteArray>),
    Count(Vec<i64>),
    Value(Vec<f64>),
}

impl Column {
    const fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(Vec::new()),
            Kind::Count => Self::Count(Vec::new()),
            Kind::Value => Self::Value(Vec::new()),
        }
    }

    fn push(&mut self, cell: Cell) {
        match (self, cell) {
            (Self::Text(column), Cell::Text(text)) => column.push(text),
            (Self::Count(column), Cell::Count(count)) => column.push(count.cast_signed()),
            (Self::Value(column), Cell::Value(value)) => column.push(value),
            _ => unreachable!("rows are built in the order of their table's columns"),
        }
    }

    /// Writes all cells and forgets them.
    fn flush(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<()> {
        match self {
            Self::Text(cells) => {
                writer.typed::<ByteArrayType>().write_batch(cells, None, None)?;
                cells.clear();
            }
            Self::Count(cells) => {
                writer.typed::<Int64Type>().write_batch(cells, None, None)?;
                cells.clear();
            }
            Self::Value(cells) => {
                writer.typed::<DoubleType>().write_batch(cells, None, None)?;
                cells.clear();
            }
        }
        Ok(())
    }
}

/// A table that is being written.
struct Sheet {
    writer: SerializedFileWriter<Vec<u8>>,
    columns: Vec<Column>,
    rows: usize,
}

impl Sheet {
    fn new(table: Table, report: &Report) -> Result<Self> {
        let schema = Arc::new(parse_message_type(&table.message())?);
        let properties = WriterProperties::builder()
            .set_created_by("bondstore".into())
            .set_compression(Compression::SNAPPY)
            .set_column_dictionary_enabled("value".into(), false)
            .set_column_encoding("value".into(), Encoding::BYTE_STREAM_SPLIT)
            .set_key_value_metadata(Some(about(table, report)))
            .build();
        let writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
        let columns = table.columns().iter().map(|(_, kind)| Column::new(*kind)).collect();
        Ok(Self { writer, columns, rows: 0 })
    }

    fn push(&mut self, row: impl Iterator<Item = Cell>) -> Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(row) {
            column.push(cell);
        }
        self.rows += 1;
        if self.rows == GROUP_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            let mut writer = group.next_column()?.expect("as many columns as in the schema");
            column.flush(&mut writer)?;
            writer.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>> {
        if self.rows > 0 {
            self.flush()?;
        }
        self.writer.into_inner()
    }
}

/// What the file says about itself.
fn about(table: Table, report: &Report) -> Vec<KeyValue> {
    let pair = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    let mut about = vec![
        pair(KEY_TABLE, table.name().into()),
        pair(KEY_VERSION, VERSION.into()),
        pair(KEY_SCENARIO, report.scenario.clone()),
    ];
    if table == Table::Runs {
        about.push(pair(KEY_CLAIM, report.claim.clone()));
        about.push(pair(KEY_EPOCH, report.epoch_s.to_string()));
    }
    about
}
