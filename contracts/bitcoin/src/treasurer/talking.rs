//! A client's negotiations: everybody is told what is due, at once; who does not answer in time holds up its deal, and each lap for so
//! long as one answer is waited for.

use super::client::{Peer, Peers};
use super::funders::doubt;
use super::record::{Deal, Record, Stage, Talk};
use super::{Role, Round, Treasurer, TreasurerError, coins_of, signer};
use crate::chain::Chain;
use crate::deal::Client;
use crate::deal::message::{ToClient, ToProvider};
use crate::deal::watch::FundingState;
use crate::wallet::WalletError;
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::timeout;
use types::{ContractId, Did};

/// How often everybody is told something in one round: a negotiation has three rounds of its own.
const LAPS: usize = 4;

/// Something for one provider.
struct Letter {
    number: u32,
    /// The receiver's number in the offer.
    to: usize,
    peer: Peer,
    contract: ContractId,
    message: ToProvider,
}

/// What came back.
struct Reply {
    to: usize,
    provider: Did,
    said: Result<Option<ToClient>, String>,
}

impl Treasurer {
    /// Goes on with every negotiation as far as others answer.
    pub(super) async fn talk<C: Chain, P: Peers>(
        &mut self,
        chain: &C,
        peers: &P,
        round: &mut Round,
    ) -> Result<(), TreasurerError> {
        self.give_up_silent()?;
        let within = self.manner.answer_within;
        let mut silent = BTreeSet::new();
        for _ in 0..LAPS {
            let letters = self.letters(&silent);
            if letters.is_empty() {
                return Ok(());
            }
            let mut replies: BTreeMap<u32, Vec<Reply>> = BTreeMap::new();
            let delivered = deliver_all(peers, letters, within).await.into_iter();
            let doubted = delivered
                .map(|(letter, said)| async { (letter, doubt(chain, said, within).await) });
            for (Letter { number, to, peer, .. }, said) in join_all(doubted).await {
                if said.is_err() {
                    silent.insert(peer.provider);
                }
                let reply = Reply { to, provider: peer.provider, said };
                replies.entry(number).or_default().push(reply);
            }
            let mut moved = false;
            for (number, replies) in replies {
                moved |= self.take(number, replies, round)?;
            }
            if !moved {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Tells providers that the funding is signed, as long as no block has it: then they can broadcast it too.
    pub(super) async fn tell<P: Peers>(&mut self, peers: &P, round: &mut Round) {
        let unmined = self.deals.iter().filter_map(|(number, deal)| {
            let watching = deal.watching().filter(|_| deal.about.role == Role::Client)?;
            let mined = watching.look.as_ref().map(|look| look.funding);
            let waits = matches!(mined, None | Some(FundingState::Waiting));
            waits.then(|| outbox(*number, deal, &watching.talk)).flatten()
        });
        let letters = unmined.flatten();
        let letters = letters.filter(|letter| !self.told.contains(&(letter.number, letter.to)));
        let (letters, within) = (letters.collect(), self.manner.answer_within);
        for (Letter { number, to, peer, .. }, said) in deliver_all(peers, letters, within).await {
            match said {
                Ok(_) => drop(self.told.insert((number, to))),
                Err(reason) => round.wait(format!("{}: {reason}", peer.provider)),
            }
        }
    }

    /// What is to be said in all negotiations to everybody but those who are silent.
    fn letters(&self, silent: &BTreeSet<Did>) -> Vec<Letter> {
        let talks = self.deals.iter().filter_map(|(number, deal)| {
            let talk = deal.talking().filter(|_| deal.about.role == Role::Client)?;
            outbox(*number, deal, talk)
        });
        talks.flatten().filter(|letter| !silent.contains(&letter.peer.provider)).collect()
    }

    /// Takes what providers say of one deal; makes it durable before the next word. Says whether it went on.
    fn take(
        &mut self,
        number: u32,
        replies: Vec<Reply>,
        round: &mut Round,
    ) -> Result<bool, TreasurerError> {
        let key = self.key(number)?;
        let Some(Talk::Client(known)) = self.deals.get(&number).and_then(Deal::talking) else {
            return Ok(false);
        };
        let mut client = known.clone();
        for Reply { to, provider, said } in replies {
            let taken = match said {
                Ok(Some(message)) => client.take(to, message, &signer(&key)?),
                Ok(None) => continue,
                Err(reason) => {
                    round.wait(format!("{provider}: {reason}"));
                    continue;
                }
            };
            if let Err(error) = taken {
                round.wait(format!("{provider}: what it says is refused: {error}"));
            }
        }
        if client == *known {
            return Ok(false);
        }
        if let Some(declined) = client.declined() {
            let faulty = match &declined {
                crate::deal::DealError::Declined { provider, .. } => *provider,
                _ => 0,
            };
            let faulty = client.offer().providers.get(faulty).copied();
            round.wait(format!("contract {}: {declined}", client.offer().contract));
            self.fail(number, declined.to_string(), faulty.into_iter().collect())?;
            return Ok(true);
        }
        if let Err(reason) = self.sign(number, &mut client)? {
            let everybody = client.offer().providers.clone();
            round.wait(format!("contract {}: {reason}", client.offer().contract));
            self.fail(number, reason, everybody)?;
            return Ok(true);
        }
        let talk = Talk::Client(client);
        self.log.append(&Record::Talked { number, talk: talk.clone() })?;
        self.enter(number, Stage::Talking(talk));
        self.watch(number)?;
        if let Some(watching) = self.watching(number) {
            let txid = watching.watch.funding_txid();
            round.funded.push(txid);
        }
        Ok(true)
    }

    /// Signs the funding, once everybody else has.
    fn sign(&self, number: u32, client: &mut Client) -> Result<Result<(), String>, TreasurerError> {
        let psbt = match client.to_sign() {
            Ok(Some(psbt)) => psbt,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error.to_string())),
        };
        let signed = match self.wallet.sign_reserved(coins_of(number), &psbt, &self.keys) {
            Err(WalletError::Unsigned(reason)) => return Ok(Err(reason)),
            signed => signed?,
        };
        Ok(client.signed(&signed, &[]).map(drop).map_err(|error| error.to_string()))
    }

    /// Ends negotiations in which somebody has been silent for too long, or whose funding would come too late.
    fn give_up_silent(&mut self) -> Result<(), TreasurerError> {
        let tip = self.wallet.tip().height;
        let late = self.deals.iter().filter_map(|(number, deal)| {
            let talk = deal.talking().filter(|_| deal.about.role == Role::Client)?;
            if let Some(reason) = self.is_late(deal.about.fund_by) {
                return Some((*number, (reason, vec![])));
            }
            let silent = outbox(*number, deal, talk).unwrap_or_default();
            let silent: Vec<Did> = silent.into_iter().map(|letter| letter.peer.provider).collect();
            let names: Vec<String> = silent.iter().map(Did::to_string).collect();
            let reason = format!("no answer of {}", names.join(", "));
            (tip > deal.talk_until()).then_some((*number, (reason, silent)))
        });
        let late: Vec<_> = late.collect();
        late.into_iter()
            .try_for_each(|(number, (reason, faulty))| self.fail(number, reason, faulty))
    }
}

/// Delivers all letters at once.
async fn deliver_all<P: Peers>(
    peers: &P,
    letters: Vec<Letter>,
    within: Duration,
) -> Vec<(Letter, Result<Option<ToClient>, String>)> {
    join_all(letters.into_iter().map(|letter| deliver(peers, letter, within))).await
}

async fn deliver<P: Peers>(
    peers: &P,
    letter: Letter,
    within: Duration,
) -> (Letter, Result<Option<ToClient>, String>) {
    let told = timeout(within, peers.tell(&letter.peer, letter.contract, &letter.message)).await;
    let said = told.unwrap_or_else(|_| Err(format!("no answer within {within:?}")));
    (letter, said)
}

/// What a client has to say in one deal.
fn outbox(number: u32, deal: &Deal, talk: &Talk) -> Option<Vec<Letter>> {
    let Talk::Client(client) = talk else { return None };
    let contract = deal.about.contract;
    let letter = |(to, message): (usize, ToProvider)| {
        let provider = *client.offer().providers.get(to)?;
        let own = deal.about.subjects.iter().find(|subject| subject.provider == provider);
        let endpoint = own.and_then(|subject| subject.endpoint.clone());
        let peer = Peer { provider, endpoint };
        Some(Letter { number, to, peer, contract, message })
    };
    Some(client.outbox().ok()?.into_iter().filter_map(letter).collect())
}
