//! What a treasurer must not forget, line by line in its file. Nothing of it is secret.

use super::escrows::{EscrowLine, Role};
use crate::deal::message::Offer;
use crate::deal::watch::{Patience, Progress};
use crate::deal::{Client, DealError, Provider, Watch};
use crate::oracle::messages::Announcement;
use network::api::{BitcoinInfo, OracleInfo};
use serde::{Deserialize, Serialize};
use types::{ContractId, Did, Hash, Timestamp};

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Record {
    /// Whose file it is, and with which market it deals.
    Opened { party: Did, market: Did },
    /// By which rules the market settles, as this party has taken them.
    Settles { info: BitcoinInfo },
    /// A negotiation began, under a number that is its key's too.
    Begun { number: u32, about: About, talk: Talk },
    /// It went on.
    Talked { number: u32, talk: Talk },
    /// Its funding is to be in no block any more.
    Recalled { number: u32 },
    /// What was learnt since all have signed.
    Progress { number: u32, progress: Progress },
    /// Nothing is to be done about it any more.
    Over { number: u32, over: Over },
    /// The same, in the place of all lines about it, once the file is made anew.
    Ended { number: u32, about: About, over: Over },
}

/// What a deal is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    /// This party's side.
    pub(super) role: Role,
    /// Of which contract.
    pub(super) contract: ContractId,
    /// Who buys.
    pub(super) client: Did,
    /// The last block when it began.
    pub(super) height: u32,
    /// How long others are waited for once this party has signed.
    pub(super) patience: Patience,
    /// The block after which a negotiation is given up.
    #[serde(default)]
    pub(super) talk_until: Option<u32>,
    /// By when the funding must count; nothing where it was not said.
    #[serde(default)]
    pub(super) fund_by: Option<Timestamp>,
    /// This party's slots.
    pub(super) subjects: Vec<Subject>,
    /// Who attests, in the order of the offer's auditors.
    pub(super) oracles: Vec<OracleInfo>,
}

/// A slot of a deal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Subject {
    /// Its number in the offer.
    pub(super) index: usize,
    /// Its number in the contract.
    pub(super) slot: u16,
    /// Who serves it.
    pub(super) provider: Did,
    /// Where that one answers.
    pub(super) endpoint: Option<String>,
    /// What each auditor announced, in hexadecimal digits.
    pub(super) announcements: Vec<String>,
}

impl Subject {
    /// What auditor number `auditor` announced.
    pub(super) fn announcement(&self, auditor: usize) -> Option<Announcement> {
        let bytes = hex::decode(self.announcements.get(auditor)?).ok()?;
        Announcement::decode(&bytes).ok()
    }
}

/// One side of a negotiation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Talk {
    /// The client's.
    Client(Box<Client>),
    /// A provider's.
    Provider(Box<Provider>),
}

impl Talk {
    pub(super) fn offer(&self) -> &Offer {
        match self {
            Self::Client(client) => client.offer(),
            Self::Provider(provider) => provider.offer(),
        }
    }

    /// What follows the negotiation, once this party has signed.
    pub(super) fn watch(&self, patience: Patience) -> Result<Option<Watch>, DealError> {
        match self {
            Self::Client(client) => client.watch(patience),
            Self::Provider(provider) => provider.watch(patience),
        }
    }
}

/// How a deal ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Over {
    /// Which offer it was.
    pub(super) offer: Hash,
    /// Why it came to nothing; nothing where its escrows were.
    pub(super) failed: Option<Failed>,
    /// Its escrows, as they were last seen.
    pub(super) lines: Vec<EscrowLine>,
}

/// Why a deal came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Failed {
    /// In words.
    pub(super) reason: String,
    /// Because of whom; nobody where circumstances changed.
    pub(super) faulty: Vec<Did>,
    /// After which block those are asked again.
    pub(super) until: u32,
}

/// A deal from its offer to its end.
#[derive(Debug)]
pub(super) struct Deal {
    pub(super) about: About,
    pub(super) stage: Stage,
}

/// How far a deal has come.
#[derive(Debug)]
pub(super) enum Stage {
    /// Not signed by this party.
    Talking(Talk),
    /// Signed.
    Watching(Box<Watching>),
    /// Done with.
    Over(Over),
}

/// What a signed deal needs.
#[derive(Debug)]
pub(super) struct Watching {
    /// For those who ask again.
    pub(super) talk: Talk,
    pub(super) watch: Watch,
    /// What is durable of it.
    pub(super) noted: Progress,
    /// What was last seen.
    pub(super) look: Option<crate::deal::watch::Look>,
}

impl Deal {
    /// The block after which it is given up while it is talked about.
    pub(super) fn talk_until(&self) -> u32 {
        self.about.talk_until.unwrap_or(self.about.patience.funding_until)
    }

    pub(super) fn watching(&self) -> Option<&Watching> {
        match &self.stage {
            Stage::Watching(watching) => Some(watching),
            _ => None,
        }
    }

    pub(super) fn watching_mut(&mut self) -> Option<&mut Watching> {
        match &mut self.stage {
            Stage::Watching(watching) => Some(watching),
            _ => None,
        }
    }

    pub(super) fn talking(&self) -> Option<&Talk> {
        match &self.stage {
            Stage::Talking(talk) => Some(talk),
            _ => None,
        }
    }

    pub(super) fn failed(&self) -> Option<&Failed> {
        match &self.stage {
            Stage::Over(over) => over.failed.as_ref(),
            _ => None,
        }
    }

    pub(super) fn subject(&self, index: usize) -> Option<&Subject> {
        self.about.subjects.iter().find(|subject| subject.index == index)
    }

    /// Whether it makes, or has made, the escrow of `provider` for `slot` of `contract`.
    pub(super) fn covers(&self, contract: ContractId, slot: u16, provider: Did) -> bool {
        let this = |subject: &Subject| (subject.slot, subject.provider) == (slot, provider);
        self.failed().is_none()
            && self.about.contract == contract
            && self.about.subjects.iter().any(this)
    }

    /// The offer's name.
    pub(super) fn offer(&self) -> Hash {
        match &self.stage {
            Stage::Talking(talk) => talk.offer().id(),
            Stage::Watching(watching) => watching.talk.offer().id(),
            Stage::Over(over) => over.offer,
        }
    }
}
