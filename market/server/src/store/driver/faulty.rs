//! A database whose next commit fails, before or after it is done.

use super::{Bulk, Column, Driver, Mode, Row, StoreError, Value};
use std::cell::Cell;

/// How the next commit fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Nothing of it is done.
    BeforeCommit,
    /// It is done, and nobody is told.
    AfterCommit,
}

/// A driver that fails once.
#[derive(Debug)]
pub(crate) struct Faulty {
    pub(crate) inner: Box<dyn Driver>,
    pub(crate) fault: Cell<Option<Fault>>,
}

impl Driver for Faulty {
    fn query(&self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.inner.query(sql, values)
    }

    fn read_into(
        &self,
        sql: &'static str,
        values: &[Value],
        buffer: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        self.inner.read_into(sql, values, buffer)
    }

    fn execute(&self, sql: &'static str, values: &[Value]) -> Result<u64, StoreError> {
        self.inner.execute(sql, values)
    }

    fn each(&self, bulk: Bulk, columns: &[Column<'_>]) -> Result<(), StoreError> {
        self.inner.each(bulk, columns)
    }

    fn script(&self, sql: &'static str) -> Result<(), StoreError> {
        self.inner.script(sql)
    }

    fn begin(&self, mode: Mode) -> Result<(), StoreError> {
        self.inner.begin(mode)
    }

    fn commit(&self) -> Result<(), StoreError> {
        match self.fault.take() {
            None => return self.inner.commit(),
            Some(Fault::BeforeCommit) => {}
            Some(Fault::AfterCommit) => self.inner.commit()?,
        }
        Err(StoreError::Unavailable("the line broke".into()))
    }

    fn roll_back(&self) -> Result<(), StoreError> {
        self.inner.roll_back()
    }

    fn migrations(&self) -> &'static [&'static str] {
        self.inner.migrations()
    }

    fn check_structure(&self) -> Result<(), StoreError> {
        self.inner.check_structure()
    }

    fn tidy(&self) -> Result<(), StoreError> {
        self.inner.tidy()
    }

    fn elect(&self) -> Result<bool, StoreError> {
        self.inner.elect()
    }

    fn resign(&self) -> Result<(), StoreError> {
        self.inner.resign()
    }

    fn depose(&self) -> Result<(), StoreError> {
        self.inner.depose()
    }

    fn index_alone(&self, term: u64) -> Result<(), StoreError> {
        self.inner.index_alone(term)
    }
}
