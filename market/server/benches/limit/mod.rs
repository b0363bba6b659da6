//! The limit beside the writer's figures: the same rows in the same transactions, by the same library, and nothing else.

use futures_util::TryStreamExt;
use market_server::Place;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection as _, Executor, PgConnection, Row};
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How many of the newest blocks are written again.
const BLOCKS: u32 = 64;
/// A table with the column that says to which block a row belongs, by the number of entries up to its last.
const TABLES: [(&str, &str, usize); 4] = [
    ("blocks", "tree_size", 8),
    ("tree", "first", 3),
    ("documents", "row", 6),
    ("postings", "id", 10),
];

/// How many commands a second, each one entry, one document and one posting, the database of `place` takes from blocks that a
/// writer has written there before.
pub(crate) async fn limit(place: &Place, empty: &Path) -> u64 {
    let (commands, took) = match place {
        Place::Directory(dir) => on_sqlite(&dir.join("market.db"), empty),
        Place::Postgres(url) => on_postgres(url).await,
    };
    u64::try_from(u128::from(commands) * 1_000_000 / took.as_micros().max(1)).unwrap_or(0)
}

/// Sizes of the tree before and after each of the newest blocks.
fn spans(mut sizes: Vec<i64>) -> Vec<(i64, i64)> {
    sizes.reverse();
    sizes.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

fn on_sqlite(source: &Path, empty: &Path) -> (u64, Duration) {
    let from = Connection::open(source).expect("the market's database");
    let sizes = format!("SELECT tree_size FROM blocks ORDER BY seq DESC LIMIT {}", BLOCKS + 1);
    let mut sizes = from.prepare(&sizes).expect("a statement");
    let sizes = sizes.query_map([], |row| row.get(0)).and_then(Iterator::collect);
    let spans = spans(sizes.expect("blocks"));
    let read = |(after, upto): (i64, i64)| {
        TABLES.map(|(table, by, columns)| {
            // The tree's rows are numbered by their nodes: one for each block.
            let sql = match table {
                "tree" => "SELECT first, hashes, head FROM tree ORDER BY first DESC LIMIT 1".into(),
                _ => format!("SELECT * FROM {table} WHERE {by} > {after} AND {by} <= {upto}"),
            };
            let mut rows = from.prepare(&sql).expect("a statement");
            let rows = rows.query_map([], |row| {
                (0..columns).map(|column| row.get(column)).collect::<Result<Vec<Value>, _>>()
            });
            rows.and_then(Iterator::collect::<Result<Vec<_>, _>>).expect("rows")
        })
    };
    let blocks: Vec<[Vec<Vec<Value>>; 4]> = spans.iter().copied().map(read).collect();
    let to = Connection::open(empty.join("limit.db")).expect("a new database");
    let schema = from.prepare("SELECT sql FROM sqlite_schema WHERE tbl_name IN ('blocks', 'tree', 'documents', 'postings') AND sql IS NOT NULL");
    let mut schema = schema.expect("a statement");
    let tables = schema.query_map([], |row| row.get(0)).and_then(Iterator::collect);
    let tables: Vec<String> = tables.expect("tables");
    to.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 8192;")
        .expect("a journal");
    for sql in &tables {
        to.execute_batch(sql).expect("a table");
    }
    let began = Instant::now();
    for (number, block) in (0i64..).zip(&blocks) {
        to.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
        for ((table, _, columns), rows) in TABLES.iter().zip(block) {
            let places: Vec<String> = (1..=*columns).map(|n| format!("?{n}")).collect();
            let sql = format!("INSERT INTO {table} VALUES ({})", places.join(", "));
            let mut insert = to.prepare_cached(&sql).expect("a statement");
            for row in rows {
                if *table == "tree" {
                    let head = [Value::Integer(number), row[1].clone(), row[2].clone()];
                    insert.execute(params_from_iter(head)).expect("it is taken");
                } else {
                    insert.execute(params_from_iter(row)).expect("it is taken");
                }
            }
        }
        to.execute_batch("COMMIT").expect("it is durable");
    }
    (commands(&spans), began.elapsed())
}

fn commands(spans: &[(i64, i64)]) -> u64 {
    spans.iter().map(|(after, upto)| (upto - after).cast_unsigned()).sum()
}

/// Each table's rows of a block by one `COPY`, in the server's own words.
async fn on_postgres(url: &str) -> (u64, Duration) {
    let options = PgConnectOptions::from_str(url).expect("a URL").disable_statement_logging();
    let mut db = PgConnection::connect_with(&options).await.expect("a connection");
    let sizes = "SELECT tree_size FROM blocks ORDER BY seq DESC LIMIT $1";
    let sizes = sqlx::query(sizes).bind(i64::from(BLOCKS) + 1).fetch_all(&mut db).await;
    let spans = spans(sizes.expect("blocks").iter().map(|row| row.get(0)).collect());
    for (table, ..) in TABLES {
        let sql = format!("CREATE TABLE limit_{table} (LIKE {table} INCLUDING ALL)");
        db.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql))).await.expect("a table");
    }
    let mut blocks = Vec::new();
    for (after, upto) in &spans {
        let mut tables = Vec::new();
        for (table, by, _) in TABLES {
            // The tree's rows are numbered by how many nodes the trees before them have.
            let nodes = 2 * after - i64::from(after.count_ones());
            let rows = match table {
                "tree" => format!("{by} = {nodes}"),
                _ => format!("{by} > {after} AND {by} <= {upto}"),
            };
            let sql =
                format!("COPY (SELECT * FROM {table} WHERE {rows}) TO STDOUT (FORMAT binary)");
            let rows = db.copy_out_raw(&sql).await.expect("rows");
            let rows: Vec<_> = rows.try_collect().await.expect("rows");
            assert!(rows.len() > 1, "{sql} has nothing but its end");
            tables.push((format!("COPY limit_{table} FROM STDIN (FORMAT binary)"), rows.concat()));
        }
        blocks.push(tables);
    }
    let began = Instant::now();
    for tables in blocks {
        let mut transaction = db.begin().await.expect("a transaction");
        for (sql, rows) in tables {
            let mut copy = transaction.copy_in_raw(&sql).await.expect("a copy");
            copy.send(rows).await.expect("they are sent");
            copy.finish().await.expect("they are taken");
        }
        transaction.commit().await.expect("it is durable");
    }
    (commands(&spans), began.elapsed())
}
