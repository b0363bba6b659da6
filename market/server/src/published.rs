//! The state that everyone may read: never ahead of what is durable.

use crate::journal::Head;
use market::Market;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A durable state of the market.
#[derive(Debug)]
pub struct View {
    /// The state.
    pub market: Market,
    /// The block that left it.
    pub head: Head,
}

/// The newest durable state.
#[derive(Debug)]
pub(crate) struct Published(RwLock<View>);

impl Published {
    pub(crate) fn new(market: Market, head: Head) -> Self {
        Self(RwLock::new(View { market, head }))
    }

    /// The newest durable state, held still while it is read. Keep it short: the writer waits.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, View> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the writer alone.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, View> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
