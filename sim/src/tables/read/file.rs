//! One Parquet file, opened, checked against its table, and read column by column.

use super::super::TableError;
use super::super::schema::{KEY_SCENARIO, KEY_TABLE, KEY_VERSION, Kind, Table, VERSION};
use bytes::Bytes;
use parquet::basic::Type;
use parquet::column::reader::{ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};

/// A file that is the table it should be.
pub(super) struct File {
    table: Table,
    reader: SerializedFileReader<Bytes>,
    scenario: String,
}

/// Some rows of a file.
pub(super) struct Group<'a> {
    file: &'a File,
    rows: Box<dyn RowGroupReader + 'a>,
}

impl File {
    pub(super) fn open(table: Table, bytes: &[u8]) -> Result<Self, TableError> {
        let reader = SerializedFileReader::new(Bytes::copy_from_slice(bytes));
        let reader = reader.map_err(|why| TableError::Parquet { table, why })?;
        let file = Self { table, reader, scenario: String::new() };
        let found = file.find(KEY_TABLE).unwrap_or_default().to_owned();
        if found != table.name() {
            return Err(TableError::OtherTable { table, found });
        }
        let found = file.find(KEY_VERSION).unwrap_or_default().to_owned();
        if found != VERSION {
            return Err(TableError::OtherVersion { table, found });
        }
        for column in table.columns() {
            file.check(*column)?;
        }
        let scenario = file.about(KEY_SCENARIO)?.to_owned();
        Ok(Self { scenario, ..file })
    }

    pub(super) fn scenario(&self) -> &str {
        &self.scenario
    }

    /// What the file says about itself under `key`.
    pub(super) fn about(&self, key: &'static str) -> Result<&str, TableError> {
        self.find(key).ok_or(TableError::About { table: self.table, key })
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = Result<Group<'_>, TableError>> {
        (0..self.reader.num_row_groups()).map(|index| {
            let rows = self.reader.get_row_group(index).map_err(|why| self.damaged(why))?;
            let group = Group { file: self, rows };
            group.check_scenario()?;
            Ok(group)
        })
    }

    fn find(&self, key: &str) -> Option<&str> {
        let about = self.reader.metadata().file_metadata().key_value_metadata()?;
        about.iter().find(|pair| pair.key == key)?.value.as_deref()
    }

    fn position(&self, column: &str) -> Option<usize> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        schema.columns().iter().position(|found| found.path().string() == column)
    }

    fn check(&self, (column, kind): (&'static str, Kind)) -> Result<(), TableError> {
        let table = self.table;
        let columns = self.reader.metadata().file_metadata().schema_descr().columns();
        let Some(position) = self.position(column) else {
            let found = columns.iter().map(|column| column.path().string()).collect();
            return Err(TableError::MissingColumn { table, column, found });
        };
        let found = columns[position].physical_type();
        let fits = match kind {
            Kind::Text => found == Type::BYTE_ARRAY,
            Kind::Count => found == Type::INT64,
            Kind::Value => found == Type::DOUBLE,
        };
        if fits && columns[position].max_rep_level() == 0 {
            return Ok(());
        }
        Err(TableError::OtherType { table, column, found: found.to_string(), kind })
    }

    const fn damaged(&self, why: ParquetError) -> TableError {
        TableError::Parquet { table: self.table, why }
    }
}

impl Group<'_> {
    /// Each row's arm and seed.
    pub(super) fn keys(&self) -> Result<impl Iterator<Item = (ByteArray, u64)>, TableError> {
        Ok(self.texts("arm")?.into_iter().zip(self.counts("seed")?))
    }

    pub(super) fn texts(&self, column: &'static str) -> Result<Vec<ByteArray>, TableError> {
        self.column::<ByteArrayType>(column)
    }

    pub(super) fn counts(
        &self,
        column: &'static str,
    ) -> Result<impl Iterator<Item = u64>, TableError> {
        Ok(self.column::<Int64Type>(column)?.into_iter().map(i64::cast_unsigned))
    }

    pub(super) fn values(&self, column: &'static str) -> Result<Vec<f64>, TableError> {
        self.column::<DoubleType>(column)
    }

    fn column<T: DataType>(&self, column: &'static str) -> Result<Vec<T::T>, TableError> {
        let table = self.file.table;
        let position = self.file.position(column).expect("the columns are checked on opening");
        let cells = self.rows.get_column_reader(position).and_then(|reader| {
            let rows = usize::try_from(self.rows.metadata().num_rows()).unwrap_or(0);
            read_all(get_typed_column_reader::<T>(reader), rows)
        });
        cells.map_err(|why| self.file.damaged(why))?.ok_or(TableError::Cell { table, column })
    }

    fn check_scenario(&self) -> Result<(), TableError> {
        let table = self.file.table;
        for scenario in self.texts("scenario")? {
            let found = utf8(table, "scenario", &scenario)?;
            if found != self.file.scenario {
                let (scenario, found) = (self.file.scenario.clone(), found.to_owned());
                return Err(TableError::OtherScenario { table, scenario, found });
            }
        }
        Ok(())
    }
}

/// All cells of a column; nothing when one of them is empty. Programs that lay files end to end often write columns
/// that may have empty cells, so such columns are read too.
fn read_all<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
) -> Result<Option<Vec<T::T>>, ParquetError> {
    let (mut cells, mut levels) = (Vec::new(), Vec::new());
    let mut read = 0;
    while read < rows {
        let (more, _, _) = reader.read_records(rows - read, Some(&mut levels), None, &mut cells)?;
        if more == 0 {
            return Err(ParquetError::EOF(format!("{read} of {rows} rows are there")));
        }
        read += more;
    }
    Ok((cells.len() == rows).then_some(cells))
}

pub(super) fn utf8<'a>(
    table: Table,
    column: &'static str,
    cell: &'a ByteArray,
) -> Result<&'a str, TableError> {
    std::str::from_utf8(cell.data()).map_err(|_| TableError::Cell { table, column })
}
