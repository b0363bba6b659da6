//! The bytes of the three files back into runs, refusing what was not written by [`write()`](super::write()).

mod file;

use super::TableError;
use super::Tables;
use super::schema::{KEY_CLAIM, KEY_EPOCH, Table};
use crate::results::{Report, Run};
use file::{File, utf8};
use std::collections::{BTreeMap, BTreeSet};
use types::Hash;

/// The report that the three files hold, without findings.
///
/// # Errors
///
/// When a file is not the table it should be, or the three do not belong together.
pub fn read(tables: &Tables) -> Result<Report, TableError> {
    let mut report = read_runs(&tables.runs)?;
    read_figures(&tables.figures, &mut report)?;
    read_series(&tables.series, &mut report)?;
    Ok(report)
}

/// The runs of `runs.parquet` in the order of its rows, still without figures and series.
///
/// # Errors
///
/// When the bytes are not that table, or a run is there twice.
pub fn read_runs(bytes: &[u8]) -> Result<Report, TableError> {
    const TABLE: Table = Table::Runs;
    let file = File::open(TABLE, bytes)?;
    let epoch_s = file.about(KEY_EPOCH)?.parse();
    let epoch_s = epoch_s.map_err(|_| TableError::About { table: TABLE, key: KEY_EPOCH })?;
    let mut seen = BTreeSet::new();
    let mut runs = Vec::new();
    for group in file.groups() {
        let group = group?;
        let traces = group.texts("trace")?;
        for ((arm, seed), trace) in group.keys()?.zip(&traces) {
            let arm = utf8(TABLE, "arm", &arm)?.to_owned();
            if !seen.insert((arm.clone(), seed)) {
                return Err(TableError::Row { table: TABLE, arm, seed, what: "the run".into() });
            }
            let trace = utf8(TABLE, "trace", trace)?.parse::<Hash>();
            let trace = trace.map_err(|_| TableError::Cell { table: TABLE, column: "trace" })?;
            let (figures, series) = (BTreeMap::new(), BTreeMap::new());
            runs.push(Run { arm, seed, trace, figures, series });
        }
    }
    let (scenario, claim) = (file.scenario().to_owned(), file.about(KEY_CLAIM)?.to_owned());
    Ok(Report { scenario, claim, epoch_s, runs, findings: Vec::new() })
}

/// Adds the figures of `figures.parquet` to the report's runs.
///
/// # Errors
///
/// When the bytes are not that table, or of other runs, or have a figure twice.
pub fn read_figures(bytes: &[u8], report: &mut Report) -> Result<(), TableError> {
    const TABLE: Table = Table::Figures;
    let file = File::open(TABLE, bytes)?;
    let places = Places::of(TABLE, &file, report)?;
    for group in file.groups() {
        let group = group?;
        let (names, values) = (group.texts("name")?, group.values("value")?);
        for (((arm, seed), name), value) in group.keys()?.zip(&names).zip(values) {
            let name = utf8(TABLE, "name", name)?;
            let run = &mut report.runs[places.find(utf8(TABLE, "arm", &arm)?, seed)?];
            if run.figures.insert(name.to_owned(), value).is_some() {
                return Err(row(TABLE, run, format!("figure {name:?}")));
            }
        }
    }
    Ok(())
}

/// Adds the series of `series.parquet` to the report's runs.
///
/// # Errors
///
/// When the bytes are not that table, or of other runs, or an epoch is missing, twice or out of order.
pub fn read_series(bytes: &[u8], report: &mut Report) -> Result<(), TableError> {
    const TABLE: Table = Table::Series;
    let file = File::open(TABLE, bytes)?;
    let places = Places::of(TABLE, &file, report)?;
    for group in file.groups() {
        let group = group?;
        let (epochs, names) = (group.counts("epoch")?, group.texts("name")?);
        let rows = group.keys()?.zip(&names).zip(epochs).zip(group.values("value")?);
        for ((((arm, seed), name), epoch), value) in rows {
            let name = utf8(TABLE, "name", name)?;
            let run = &mut report.runs[places.find(utf8(TABLE, "arm", &arm)?, seed)?];
            let due = run.series.get(name).map_or(0, Vec::len) as u64;
            if epoch != due {
                return Err(row(TABLE, run, format!("epoch {epoch} of series {name:?}")));
            }
            match run.series.get_mut(name) {
                Some(series) => series.push(value),
                None => drop(run.series.insert(name.to_owned(), vec![value])),
            }
        }
    }
    Ok(())
}

fn row(table: Table, run: &Run, what: String) -> TableError {
    TableError::Row { table, arm: run.arm.clone(), seed: run.seed, what }
}

/// Where each run stands in its report.
struct Places {
    table: Table,
    by_arm: BTreeMap<String, BTreeMap<u64, usize>>,
}

impl Places {
    fn of(table: Table, file: &File, report: &Report) -> Result<Self, TableError> {
        if file.scenario() != report.scenario {
            let (scenario, found) = (report.scenario.clone(), file.scenario().to_owned());
            return Err(TableError::OtherScenario { table, scenario, found });
        }
        let mut by_arm: BTreeMap<String, BTreeMap<u64, usize>> = BTreeMap::new();
        for (place, run) in report.runs.iter().enumerate() {
            by_arm.entry(run.arm.clone()).or_default().insert(run.seed, place);
        }
        Ok(Self { table, by_arm })
    }

    fn find(&self, arm: &str, seed: u64) -> Result<usize, TableError> {
        let place = self.by_arm.get(arm).and_then(|seeds| seeds.get(&seed)).copied();
        let unknown = || TableError::UnknownRun { table: self.table, arm: arm.to_owned(), seed };
        place.ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::{KEY_SCENARIO, KEY_TABLE, KEY_VERSION, VERSION};
    use super::super::{tests::report, write};
    use super::*;
    use parquet::column::writer::ColumnWriter;
    use parquet::data_type::{ByteArray, Int64Type};
    use parquet::file::{
        metadata::KeyValue, properties::WriterProperties, writer::SerializedFileWriter,
    };
    use parquet::schema::parser::parse_message_type;

    /// A file without rows that says what it is told to say.
    fn foreign(columns: &str, about: &[(&str, &str)]) -> Vec<u8> {
        let schema = parse_message_type(&format!("message runs {{ {columns} }}")).unwrap();
        let pair = |(key, value): &(&str, &str)| KeyValue::new((*key).into(), (*value).to_owned());
        let about = Some(about.iter().map(pair).collect());
        let properties = WriterProperties::builder().set_key_value_metadata(about).build();
        let writer = SerializedFileWriter::new(Vec::new(), schema.into(), properties.into());
        writer.unwrap().into_inner().unwrap()
    }

    fn refusal(bytes: &[u8]) -> String {
        read_runs(bytes).unwrap_err().to_string()
    }

    #[test]
    fn bytes_that_are_no_parquet_are_refused() {
        assert!(refusal(b"scenario,arm\n").contains("runs.parquet cannot be read as Parquet"));
        let good = write(&report(&[1])).runs;
        assert!(refusal(&good[..good.len() - 9]).contains("cannot be read as Parquet"));
    }

    #[test]
    fn a_file_of_another_table_program_or_version_is_refused() {
        let tables = write(&report(&[1]));
        assert!(refusal(&tables.series).contains("\"series\" where runs.parquet is needed"));
        assert!(refusal(&foreign("", &[])).contains("\"\" where runs.parquet is needed"));
        let later = foreign("", &[(KEY_TABLE, "runs"), (KEY_VERSION, "2")]);
        assert!(
            refusal(&later).contains("is of version \"2\" and this program reads version \"1\"")
        );
    }

    #[test]
    fn a_column_that_is_missing_or_of_another_type_is_named() {
        let about = [(KEY_TABLE, "runs"), (KEY_VERSION, VERSION), (KEY_SCENARIO, "a")];
        let scenario = "REQUIRED BYTE_ARRAY scenario (UTF8);";
        let refused = refusal(&foreign(scenario, &about));
        assert!(refused.contains("no column \"arm\": it has [\"scenario\"]"), "{refused}");
        let refused = refusal(&foreign(&format!("{scenario} REQUIRED DOUBLE arm;"), &about));
        assert!(refused.contains("\"arm\" is DOUBLE and must be BYTE_ARRAY"), "{refused}");
    }

    /// One run in columns that may have empty cells, as other programs write them; its trace is empty if none is given.
    fn rewritten(trace: Option<&str>) -> Vec<u8> {
        let about = [(KEY_TABLE, "runs"), (KEY_VERSION, VERSION), (KEY_SCENARIO, "a")];
        let pairs = about.iter().chain(&[(KEY_CLAIM, "b"), (KEY_EPOCH, "60")]);
        let about = pairs.map(|(key, value)| KeyValue::new((*key).into(), (*value).to_owned()));
        let properties =
            WriterProperties::builder().set_key_value_metadata(Some(about.collect())).build();
        let schema = Table::Runs.message().replace("REQUIRED", "OPTIONAL");
        let schema = parse_message_type(&schema).unwrap();
        let mut writer =
            SerializedFileWriter::new(Vec::new(), schema.into(), properties.into()).unwrap();
        let mut group = writer.next_row_group().unwrap();
        for text in [Some("a"), Some("honest"), None, trace] {
            let mut column = group.next_column().unwrap().unwrap();
            match column.untyped() {
                ColumnWriter::ByteArrayColumnWriter(texts) => {
                    let level = i16::from(text.is_some());
                    let texts = texts.write_batch(
                        &text.map(ByteArray::from).into_iter().collect::<Vec<_>>(),
                        Some(&[level]),
                        None,
                    );
                    texts.unwrap()
                }
                _ => column.typed::<Int64Type>().write_batch(&[-1], Some(&[1]), None).unwrap(),
            };
            column.close().unwrap();
        }
        group.close().unwrap();
        writer.into_inner().unwrap()
    }

    #[test]
    fn columns_that_may_have_empty_cells_are_read_and_empty_cells_refused() {
        let trace = Hash::of(b"a").to_string();
        let run = &read_runs(&rewritten(Some(&trace))).unwrap().runs[0];
        assert_eq!((&*run.arm, run.seed, run.trace.to_string()), ("honest", u64::MAX, trace));
        assert!(refusal(&rewritten(None)).contains("column \"trace\" that is empty"));
        assert!(refusal(&rewritten(Some("12"))).contains("column \"trace\""));
    }

    #[test]
    fn files_of_two_reports_do_not_go_together() {
        let (mut one, two) = (write(&report(&[1])), write(&report(&[2])));
        one.figures = two.figures;
        let refused = read(&one).unwrap_err();
        assert!(matches!(refused, TableError::UnknownRun { seed: 2, .. }), "{refused}");
        let mut other = report(&[1]);
        other.scenario = "whitewash".into();
        one.figures = write(&other).figures;
        let refused = read(&one).unwrap_err();
        assert!(matches!(refused, TableError::OtherScenario { .. }), "{refused}");
    }

    #[test]
    fn a_row_that_comes_twice_is_refused() {
        let tables = write(&report(&[1]));
        let mut report = read_runs(&tables.runs).unwrap();
        read_figures(&tables.figures, &mut report).unwrap();
        read_series(&tables.series, &mut report).unwrap();
        let again = read_figures(&tables.figures, &mut report).unwrap_err();
        assert!(matches!(again, TableError::Row { .. }), "{again}");
        let again = read_series(&tables.series, &mut report).unwrap_err();
        assert!(again.to_string().contains("epoch 0 of series \"price.mean_msat\""), "{again}");
    }
}
