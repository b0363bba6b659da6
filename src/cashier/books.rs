//! The market's books as its cashier sees them: its journal over the API, and deposits that the operator signs.

use contracts_bitcoin::cashier::{Books, CashierError, News, Withdrawn};
use market::Event;
use network::api::EventView;
use network::client::ClientError;
use network::market_api::MarketClient;
use types::documents::TreeHead;
use types::{Did, Msat, SecretKey, Signer};

/// The journal of a running market.
pub(super) struct Journal {
    market: MarketClient,
    key: SecretKey,
    /// The last event that was read, where no withdrawal came with it: those are asked for again until the cashier has them.
    seen: Option<String>,
}

impl Journal {
    pub(super) const fn new(market: MarketClient, key: SecretKey) -> Self {
        Self { market, key, seen: None }
    }
}

impl Books for Journal {
    async fn news(&mut self, after: Option<&str>) -> Result<News, CashierError> {
        let from = self.seen.as_deref().or(after).unwrap_or("0.0");
        let mut events = self.market.events_so_far(from).await.map_err(|error| silent(&error))?;
        let (mut news, mut last) = (News::default(), Some(from.to_owned()));
        while let Some(view) = events.next().await.map_err(|error| silent(&error))? {
            last = Some(view.id.clone());
            let posted = view.postings.iter().map(|posting| posting.amount);
            let posted = Msat::sum(posted.chain([news.posted]));
            news.posted = posted.unwrap_or(Msat(i64::MAX));
            news.withdrawn.extend(withdrawn(view)?);
        }
        self.seen = last.filter(|_| news.withdrawn.is_empty());
        Ok(news)
    }

    async fn head(&mut self) -> Result<TreeHead, CashierError> {
        let head = self.market.head().await.map_err(|error| silent(&error))?.verify::<TreeHead>();
        let head = head.map_err(|error| CashierError::Books(error.to_string()))?;
        if head.market != self.key.did() {
            let text = format!("it shows a head of {}, not its own", head.market);
            return Err(CashierError::Books(text));
        }
        Ok(head.into_inner())
    }

    async fn credit(
        &mut self,
        party: Did,
        amount: Msat,
        reference: &str,
    ) -> Result<(), CashierError> {
        let deposit = market_server::deposit(&self.key, party, amount, reference);
        self.market.deposit(deposit.signed()).await.map(drop).map_err(|error| silent(&error))
    }
}

/// What an event lets out of the books, if anything.
fn withdrawn(view: EventView) -> Result<Option<Withdrawn>, CashierError> {
    if view.kind != "withdrawn" {
        return Ok(None);
    }
    let wrong =
        |reason: String| CashierError::Books(format!("event {} cannot be read: {reason}", view.id));
    let event = view.event.clone().ok_or_else(|| {
        wrong("the market shows it to its operator alone, and this is another's key".into())
    })?;
    match serde_json::from_value(event) {
        Ok(Event::Withdrawn { document, party, to, postings, .. }) => {
            let amount = Msat::sum(postings.iter().map(|posting| posting.amount));
            let amount = amount.map_err(|error| wrong(error.to_string()))?;
            Ok(Some(Withdrawn { event: view.id, document, party, amount, to }))
        }
        Ok(_) => Err(wrong("it is another kind of event".into())),
        Err(error) => Err(wrong(error.to_string())),
    }
}

fn silent(error: &ClientError) -> CashierError {
    CashierError::Books(error.to_string())
}
