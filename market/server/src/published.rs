//! The state that everyone may read: never ahead of what is durable.

use crate::cache::Caches;
use crate::journal::Head;
use market::{Event, Market};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

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
pub(crate) struct Published {
    view: RwLock<View>,
    caches: Caches,
}

impl Published {
    pub(crate) fn new(market: Market, head: Head) -> Self {
        Self { view: RwLock::new(View { market, head }), caches: Caches::new() }
    }

    /// Answers made from the state.
    pub(crate) fn caches(&self) -> &Caches {
        &self.caches
    }

    /// The newest durable state, held still while it is read. Keep it short: the writer waits.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes `market`, to which the events of the block that `head` names have led. For the writer alone.
    pub(crate) fn advance<'a>(
        &self,
        market: &Market,
        events: impl Iterator<Item = &'a Event>,
        head: Head,
    ) {
        let next = View { market: market.clone(), head };
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            self.caches.touch(&view.market, &next.market, event);
        }
        let last = std::mem::replace(&mut *view, next);
        drop(view);
        // What nobody shares any more is given back while others read.
        drop(last);
    }
}
