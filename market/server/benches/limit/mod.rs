//! The limit beside the writer's figures: the same rows in the same transactions, by the same library, and nothing else.

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

/// Arrays on the server's side, so that each table's rows of a block are one statement.
async fn on_postgres(url: &str) -> (u64, Duration) {
    let options = PgConnectOptions::from_str(url).expect("a URL").disable_statement_logging();
    let mut db = PgConnection::connect_with(&options).await.expect("a connection");
    let sizes = "SELECT tree_size FROM blocks ORDER BY seq DESC LIMIT $1";
    let sizes = sqlx::query(sizes).bind(i64::from(BLOCKS) + 1).fetch_all(&mut db).await;
    let spans = spans(sizes.expect("blocks").iter().map(|row| row.get(0)).collect());
    for table in ["blocks", "tree", "documents", "postings"] {
        let sql = format!("CREATE TABLE limit_{table} (LIKE {table} INCLUDING ALL)");
        db.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql))).await.expect("a table");
    }
    let mut blocks = Vec::new();
    for (after, upto) in &spans {
        blocks.push(PgBlock::read(&mut db, *after, *upto).await);
    }
    let began = Instant::now();
    for block in &blocks {
        let mut transaction = db.begin().await.expect("a transaction");
        block.write(&mut transaction).await;
        transaction.commit().await.expect("it is durable");
    }
    (commands(&spans), began.elapsed())
}

type Bytes = Vec<Vec<u8>>;

type BlockRow = (i64, i64, i64, String, Vec<u8>, Vec<u8>, i64, Vec<u8>);
type DocumentRows = (Vec<i64>, Bytes, Vec<i64>, Vec<String>, Vec<String>);
type PostingRows =
    (Vec<i64>, Vec<i64>, Vec<String>, Bytes, Bytes, Vec<i64>, Vec<Option<Vec<u8>>>, Bytes, Bytes);

/// A block's rows, column by column.
struct PgBlock {
    block: BlockRow,
    documents: DocumentRows,
    postings: PostingRows,
}

impl PgBlock {
    async fn read(db: &mut PgConnection, after: i64, upto: i64) -> Self {
        let sql = "SELECT seq, time, term, entries, prev, hash, tree_size, tree_root FROM blocks WHERE tree_size = $1";
        let b = sqlx::query(sql).bind(upto).fetch_one(&mut *db).await.expect("a block");
        let block =
            (b.get(0), b.get(1), b.get(2), b.get(3), b.get(4), b.get(5), b.get(6), b.get(7));
        let sql = "SELECT row, id, block, command, jws FROM documents WHERE row > $1 AND row <= $2";
        let d = sqlx::query(sql).bind(after).bind(upto).fetch_all(&mut *db).await.expect("rows");
        let documents = (
            d.iter().map(|row| row.get(0)).collect(),
            d.iter().map(|row| row.get(1)).collect(),
            d.iter().map(|row| row.get(2)).collect(),
            d.iter().map(|row| row.get(3)).collect(),
            d.iter().map(|row| row.get(4)).collect(),
        );
        let sql = "SELECT id, at, reason, debit, credit, amount, debit_party, credit_party, document \
                   FROM postings WHERE id > $1 AND id <= $2";
        let p = sqlx::query(sql).bind(after).bind(upto).fetch_all(&mut *db).await.expect("rows");
        let postings = (
            p.iter().map(|row| row.get(0)).collect(),
            p.iter().map(|row| row.get(1)).collect(),
            p.iter().map(|row| row.get(2)).collect(),
            p.iter().map(|row| row.get(3)).collect(),
            p.iter().map(|row| row.get(4)).collect(),
            p.iter().map(|row| row.get(5)).collect(),
            p.iter().map(|row| row.get(6)).collect(),
            p.iter().map(|row| row.get(7)).collect(),
            p.iter().map(|row| row.get(8)).collect(),
        );
        Self { block, documents, postings }
    }

    async fn write(&self, db: &mut PgConnection) {
        let (seq, time, term, entries, prev, hash, size, root) = &self.block;
        let sql = "INSERT INTO limit_blocks VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let block = sqlx::query(sql).bind(seq).bind(time).bind(term).bind(entries);
        let block = block.bind(prev).bind(hash).bind(size).bind(root);
        block.execute(&mut *db).await.expect("it is taken");
        let (rows, ids, blocks, names, texts) = &self.documents;
        let sql = "INSERT INTO limit_documents (row, id, block, command, jws) SELECT * FROM \
                   unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::text[], $5::text[])";
        let documents = sqlx::query(sql).bind(rows).bind(ids).bind(blocks).bind(names).bind(texts);
        documents.execute(&mut *db).await.expect("they are taken");
        let (ids, at, reasons, debits, credits, amounts, from, to, documents) = &self.postings;
        let sql = "INSERT INTO limit_postings (id, at, reason, debit, credit, amount, debit_party, \
                   credit_party, document) SELECT * FROM unnest($1::bigint[], $2::bigint[], \
                   $3::text[], $4::bytea[], $5::bytea[], $6::bigint[], $7::bytea[], $8::bytea[], \
                   $9::bytea[])";
        let postings = sqlx::query(sql).bind(ids).bind(at).bind(reasons).bind(debits).bind(credits);
        let postings = postings.bind(amounts).bind(from).bind(to).bind(documents);
        postings.execute(&mut *db).await.expect("they are taken");
    }
}
