//! The catalogue's backup: sealed by the client, kept by the market, merged where two machines changed it.

use crate::account::Client;
use crate::chance;
use crate::error::Error;
use crate::progress::{Event, Progress};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use client::{Catalogue, Keys};
use network::api::BackupBody;
use network::market_api::MarketClient;
use types::Bytes;

/// How often a backup is tried when other machines change it meanwhile.
const ATTEMPTS_MAX: u32 = 8;
/// What a market takes: the catalogue of some 1 TiB of stored objects.
const SEALED_BYTES_MAX: usize = 47 << 20;

impl Client {
    /// Stores the catalogue, sealed, in the market; gives its generation. Where the market has a newer one
    /// of another machine's, both are merged first.
    pub async fn back_up(&self) -> Result<u64, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let catalogue = self.catalogue().await?;
            let body = sealed(&self.keys, &catalogue)?;
            match self.market.put_backup(&body).await {
                Ok(()) => return Ok(catalogue.generation),
                Err(error) if error.problem().is_some_and(|problem| problem.status == 409) => {
                    let Some(theirs) = fetch(&self.market, &self.keys).await? else {
                        return Err(error.into());
                    };
                    if theirs == catalogue {
                        return Ok(catalogue.generation);
                    }
                    self.shelf.edit(move |mine| merge_above(mine, &theirs)).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::BackupContended(ATTEMPTS_MAX))
    }

    /// Backs up, and only notes where that fails: what was done is done.
    pub(crate) async fn backup_or_note(&self, progress: &dyn Progress) -> Option<u64> {
        match self.back_up().await {
            Ok(generation) => {
                progress.notice(&Event::BackedUp { generation });
                Some(generation)
            }
            Err(error) => {
                tracing::warn!(%error, "the catalogue's backup failed");
                progress.notice(&Event::BackupFailed { reason: &error.to_string() });
                None
            }
        }
    }
}

/// The newest backup, opened; nothing where there is none.
pub(crate) async fn fetch(market: &MarketClient, keys: &Keys) -> Result<Option<Catalogue>, Error> {
    let Some(body) = market.backup().await? else {
        return Ok(None);
    };
    let sealed =
        BASE64.decode(&body.sealed).map_err(|error| Error::BackupText(error.to_string()))?;
    let plain = keys.open_backup(body.generation, &sealed)?;
    Ok(Some(Catalogue::decode(&plain)?))
}

fn sealed(keys: &Keys, catalogue: &Catalogue) -> Result<BackupBody, Error> {
    let generation = catalogue.generation;
    let sealed = keys.seal_backup(generation, chance::random(), &catalogue.encode());
    if sealed.len() > SEALED_BYTES_MAX {
        return Err(Error::BackupTooLarge(Bytes(sealed.len() as u64)));
    }
    Ok(BackupBody { generation, sealed: BASE64.encode(sealed) })
}

/// Merges so that what comes of it is newer than both.
fn merge_above(mine: &mut Catalogue, theirs: &Catalogue) {
    mine.merge(theirs);
    mine.generation = mine.generation.saturating_add(1);
}
