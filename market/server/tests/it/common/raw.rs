//! The database as it is, past the market: for changes that no market makes, and to see that nothing was changed.

use super::House;
use sqlx::{Connection, Executor, Row};
use types::Hash;

impl House {
    /// Runs a statement that both databases understand; how many rows it changed.
    pub(crate) async fn execute(&self, sql: &str) -> u64 {
        let Some(url) = &self.database else {
            return self.sqlite().execute(sql, []).unwrap() as u64;
        };
        let mut db = sqlx::PgConnection::connect(url).await.unwrap();
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        db.execute(sqlx::raw_sql(sql)).await.unwrap().rows_affected()
    }

    /// The one column of a query that both databases understand, which gives texts.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let Some(url) = &self.database else {
            let db = self.sqlite();
            let mut statement = db.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| row.get(0)).unwrap();
            return rows.collect::<Result<_, _>>().unwrap();
        };
        let mut db = sqlx::PgConnection::connect(url).await.unwrap();
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        let rows = db.fetch_all(sqlx::raw_sql(sql)).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The one text that a query gives.
    pub(crate) async fn text(&self, sql: &str) -> String {
        let mut texts = self.texts(sql).await;
        assert_eq!(texts.len(), 1, "{sql}");
        texts.remove(0)
    }

    /// How many rows each table has, where the journal ends, and what the market's few lasting figures are.
    pub(crate) async fn contents(&self) -> Vec<String> {
        let tables = match self.database {
            None => "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1",
            Some(_) => {
                "SELECT CAST(table_name AS TEXT) FROM information_schema.tables \
                 WHERE table_schema = current_schema() ORDER BY 1"
            }
        };
        let mut contents = Vec::new();
        for table in self.texts(tables).await {
            let count = self.text(&format!("SELECT CAST(count(*) AS TEXT) FROM {table}")).await;
            contents.push(format!("{table}: {count}"));
        }
        assert!(contents.len() > 10, "{contents:?}");
        let figures = "SELECT CAST(m.schema AS TEXT) || ' ' || CAST(m.epoch_opened AS TEXT) || ' ' || \
                       CAST(w.term AS TEXT) || ' ' || w.url FROM meta m, writer w";
        contents.push(self.text(figures).await);
        let hash = self.hex("hash");
        let head = format!("SELECT CAST(seq AS TEXT) || ' ' || {hash} FROM blocks ORDER BY seq");
        contents.extend(self.texts(&head).await);
        contents
    }

    /// An expression for a column of bytes, in hexadecimal digits.
    pub(crate) fn hex(&self, column: &str) -> String {
        match self.database {
            None => format!("hex({column})"),
            Some(_) => format!("upper(encode({column}, 'hex'))"),
        }
    }

    /// An expression for a hash.
    pub(crate) fn bytes(&self, hash: Hash) -> String {
        match self.database {
            None => format!("x'{hash}'"),
            Some(_) => format!("decode('{hash}', 'hex')"),
        }
    }

    /// An expression for so many bytes of nothing.
    pub(crate) fn zeros(&self, count: usize) -> String {
        match self.database {
            None => format!("zeroblob({count})"),
            Some(_) => format!("decode(repeat('00', {count}), 'hex')"),
        }
    }

    fn sqlite(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path().join("market.db")).unwrap()
    }
}
