//! How a contract comes to hold something else: its layout is changed, the providers sign for it, the market takes
//! the revision. Where another machine of the client's was faster, its revision is read and the change made on that.

use crate::account::Client;
use crate::error::Error;
use crate::holding::{Holding, holders};
use crate::progress::{Event, Progress};
use crate::shelf::blocking;
use crate::upload::Intent;
use futures_util::future::join_all;
use network::api::ContractView;
use network::client::ClientError;
use shards::{ContractLayout, Root, SegmentLayout};
use std::collections::BTreeMap;
use std::ops::Range;
use types::ContractId;
use types::documents::Access;

/// How often a change is made anew because others' came first.
const ATTEMPTS_MAX: u32 = 16;

/// A contract after a change.
pub(crate) struct Revised {
    /// The contract as the market has it now.
    pub(crate) view: ContractView,
    /// What its slots hold now.
    pub(crate) layout: ContractLayout,
}

impl Client {
    /// What the slots of a contract hold.
    pub(crate) async fn layout_of(&self, view: &ContractView) -> Result<ContractLayout, Error> {
        let Some(hash) = view.layout else { return Ok(ContractLayout::default()) };
        let bytes = self.market.layout(view.id, hash).await?;
        blocking(move || Ok(ContractLayout::decode(&bytes)?)).await
    }

    /// Makes `change` to what the slots of `contract` hold. A change that says `false` has been made already.
    ///
    /// # Errors
    /// A provider that does not sign, or the market's refusal; the contract is as it was then.
    pub(crate) async fn revise(
        &self,
        contract: ContractId,
        change: impl Fn(&mut ContractLayout) -> Result<bool, Error>,
        progress: &dyn Progress,
    ) -> Result<Revised, Error> {
        let mut attempts_left = ATTEMPTS_MAX;
        loop {
            attempts_left -= 1;
            let view = self.market.contract(contract).await?;
            let mut layout = self.layout_of(&view).await?;
            if !change(&mut layout)? {
                return Ok(Revised { view, layout });
            }
            match self.advanced(&view, &layout, progress).await {
                Ok(view) => return Ok(Revised { view, layout }),
                Err(Error::Network(error)) if was_overtaken(&error) && attempts_left > 0 => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn advanced(
        &self,
        view: &ContractView,
        layout: &ContractLayout,
        progress: &dyn Progress,
    ) -> Result<ContractView, Error> {
        let slots = self.holdings(view).await?;
        let number = view.revision + 1;
        let intent = Intent::new(view.id, number, layout, slots.len())?;
        let receipts = intent.receipts(&slots).await?;
        progress.notice(&Event::Received { slots: receipts.len() });
        self.market.put_layout(view.id, layout.encode().into()).await?;
        let view = self.market.revise(view.id, &intent.revision(&*self.signer, receipts)?).await?;
        progress.notice(&Event::Revised { number });
        Ok(view)
    }

    /// Tells the providers that the contract has changed, so that they look at it now. One that does not hear of it
    /// learns it from its next audit.
    pub(crate) async fn tell_providers(&self, view: &ContractView) {
        let Ok(slots) = self.holdings(view).await else { return };
        let told = join_all(slots.iter().map(|holding| holding.client.look())).await;
        for (holding, error) in
            slots.iter().zip(told).filter_map(|(h, told)| Some((h, told.err()?)))
        {
            tracing::debug!(slot = holding.slot, %error, "a provider was not told of the change");
        }
    }

    /// The slots of a contract, to read and to write; of another's, by its grant and to write.
    pub(crate) async fn holdings(&self, view: &ContractView) -> Result<Vec<Holding>, Error> {
        if view.client != self.did() {
            return self.guests_holdings(view).await;
        }
        let mut connector = self.connector(self.options.upload);
        let access = [Access::Read, Access::Write];
        let slots = (0..).zip(holders(view));
        slots
            .map(|(slot, holder)| {
                let provider = holder.provider;
                let holding = connector.holding(view.id, slot, &holder, &access);
                holding.map_err(|reason| Error::Slot { slot, provider, reason })
            })
            .collect()
    }
}

/// Where an object's segments lie in a contract's; nothing where they are not there.
pub(crate) fn place_of(layout: &ContractLayout, object: &[SegmentLayout]) -> Option<Range<usize>> {
    let first = object.first()?;
    let starts = layout.segments().iter().enumerate().filter(|(_, segment)| *segment == first);
    let mut ranges = starts.map(|(start, _)| start..start + object.len());
    ranges.find(|range| layout.segments().get(range.clone()) == Some(object))
}

/// What a contract holds, to look many objects up.
pub(crate) struct Places<'a> {
    layout: &'a ContractLayout,
    /// Where each segment is, by its first shard.
    starts: BTreeMap<Root, usize>,
}

impl<'a> Places<'a> {
    /// The places in `layout`.
    pub(crate) fn of(layout: &'a ContractLayout) -> Self {
        let segments = layout.segments().iter().enumerate();
        let starts = segments.filter_map(|(place, segment)| Some((*segment.roots.first()?, place)));
        Self { layout, starts: starts.collect() }
    }

    /// Whether an object's segments are in it.
    pub(crate) fn holds(&self, object: &[SegmentLayout]) -> bool {
        let start = object.first().and_then(|first| self.starts.get(first.roots.first()?));
        start.is_some_and(|start| {
            self.layout.segments().get(*start..start.saturating_add(object.len())) == Some(object)
        })
    }
}

/// Whether another revision came first.
fn was_overtaken(error: &ClientError) -> bool {
    matches!(error.code(), Some("superseded" | "layout_missing"))
        || error
            .problem()
            .is_some_and(|p| p.code == "invalid_field" && p.detail.contains("revision "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(number: u8) -> SegmentLayout {
        SegmentLayout { shard_bytes: 64, roots: vec![Root([number; 32]); 6] }
    }

    #[test]
    fn an_object_is_found_by_its_segments_wherever_they_moved() {
        let whole = ContractLayout::new([1, 2, 3, 4].map(segment).to_vec()).unwrap();
        let layout = ContractLayout::new([1, 2, 3, 3, 4].map(segment).to_vec()).unwrap();
        for (object, place) in [
            (vec![1], Some(0..1)),
            (vec![2, 3], Some(1..3)),
            (vec![3, 4], Some(3..5)),
            (vec![4, 5], None),
            (vec![9], None),
            (vec![], None),
        ] {
            let object: Vec<_> = object.into_iter().map(segment).collect();
            assert_eq!(place_of(&layout, &object), place);
            assert_eq!(Places::of(&whole).holds(&object), place_of(&whole, &object).is_some());
        }
    }
}
