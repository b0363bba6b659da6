//! The two tables of states: what a contract and a slot may become, and by what.

use serde::{Deserialize, Serialize};

/// Where a contract stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContractState {
    /// Escrow locked; providers are confirming, the client is uploading.
    Agreed,
    /// Bytes are stored and paid for.
    Active,
    /// Its term has ended.
    Completed,
    /// Everyone has their money.
    Settled,
    /// Too few providers confirmed, or nothing was stored in time.
    Expired,
    /// Its client ended it before anything was stored.
    Cancelled,
    /// Fewer than k slots hold data.
    Failed,
}

/// What moves a contract on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContractStep {
    /// The first revision, with a receipt for every slot.
    Store,
    /// A later revision.
    Revise,
    /// It is made longer or larger.
    Amend,
    /// Its client ends it while nothing is stored.
    Cancel,
    /// Its client ends it early.
    Leave,
    /// Its term ends.
    Complete,
    /// Its money is paid out.
    Settle,
    /// It did not come about.
    Expire,
    /// Its data is gone.
    Fail,
}

impl ContractState {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Agreed,
        Self::Active,
        Self::Completed,
        Self::Settled,
        Self::Expired,
        Self::Cancelled,
        Self::Failed,
    ];

    /// What this state becomes by `step`, or nothing where the step is not allowed.
    pub const fn after(self, step: ContractStep) -> Option<Self> {
        use ContractState as S;
        use ContractStep as T;
        match (self, step) {
            (S::Agreed, T::Store) | (S::Active, T::Revise | T::Amend) => Some(S::Active),
            (S::Agreed, T::Expire) => Some(S::Expired),
            (S::Agreed, T::Cancel) => Some(S::Cancelled),
            (S::Active, T::Complete | T::Leave) => Some(S::Completed),
            (S::Active, T::Fail) => Some(S::Failed),
            (S::Completed | S::Failed, T::Settle) => Some(S::Settled),
            _ => None,
        }
    }

    /// Whether money can still be locked in a contract of this state.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Agreed | Self::Active | Self::Completed | Self::Failed)
    }

    /// The name used in documents and on screens.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::Active => "active",
            Self::Completed => "completed",
            Self::Settled => "settled",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

/// Where a slot stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotState {
    /// Promised to a provider; nothing stored yet.
    Reserved,
    /// Holds its bytes.
    Filled,
    /// A promise about it is broken.
    AtFault,
    /// A new provider rebuilds it.
    Repairing,
    /// Its provider is out, the next is not found yet.
    Vacated,
    /// The contract is over.
    Closed,
}

/// What moves a slot on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SlotStep {
    /// A reserve steps in for a provider that declined or was silent.
    Reassign,
    /// The first revision.
    Store,
    /// A proof failed, an answer did not come, or a loss was confessed.
    Fault,
    /// It answers again, or has rebuilt what was lost.
    Recover,
    /// Its provider says that it leaves, and serves on until another takes over.
    Depart,
    /// Its leaving provider is out: another takes over.
    HandOver,
    /// Its provider is out.
    Vacate,
    /// A new provider is to rebuild it.
    Repair,
    /// It is rebuilt.
    Rebuild,
    /// The contract is over.
    Close,
}

impl SlotState {
    /// All states.
    pub const ALL: [Self; 6] =
        [Self::Reserved, Self::Filled, Self::AtFault, Self::Repairing, Self::Vacated, Self::Closed];

    /// What this state becomes by `step`, or nothing where the step is not allowed.
    pub const fn after(self, step: SlotStep) -> Option<Self> {
        use SlotState as S;
        use SlotStep as T;
        match (self, step) {
            (S::Reserved, T::Reassign) => Some(S::Reserved),
            (S::Reserved, T::Store) | (S::AtFault, T::Recover) | (S::Repairing, T::Rebuild) => {
                Some(S::Filled)
            }
            (S::Filled, T::Fault) => Some(S::AtFault),
            (S::Filled, T::Depart) => Some(S::Filled),
            (S::Filled, T::HandOver) | (S::AtFault | S::Repairing, T::Vacate) => Some(S::Vacated),
            (S::Vacated, T::Repair) => Some(S::Repairing),
            (S::Closed, _) => None,
            (_, T::Close) => Some(S::Closed),
            _ => None,
        }
    }

    /// The name used in documents and on screens.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Filled => "filled",
            Self::AtFault => "at_fault",
            Self::Repairing => "repairing",
            Self::Vacated => "vacated",
            Self::Closed => "closed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_table() {
        use ContractState::{Active, Agreed, Cancelled, Completed, Expired, Failed, Settled};
        use ContractStep::{Amend, Cancel, Complete, Expire, Fail, Leave, Revise, Settle, Store};
        let table = [
            (Agreed, vec![(Store, Active), (Cancel, Cancelled), (Expire, Expired)]),
            (
                Active,
                vec![
                    (Revise, Active),
                    (Amend, Active),
                    (Leave, Completed),
                    (Complete, Completed),
                    (Fail, Failed),
                ],
            ),
            (Completed, vec![(Settle, Settled)]),
            (Settled, vec![]),
            (Expired, vec![]),
            (Cancelled, vec![]),
            (Failed, vec![(Settle, Settled)]),
        ];
        let steps = [Store, Revise, Amend, Cancel, Leave, Complete, Settle, Expire, Fail];
        assert_eq!(table.clone().map(|row| row.0), ContractState::ALL);
        for (state, row) in table {
            for step in steps {
                let becomes = row.iter().find(|(allowed, _)| *allowed == step).map(|(_, to)| *to);
                assert_eq!(state.after(step), becomes, "{state:?} {step:?}");
            }
        }
    }

    #[test]
    fn the_slot_table() {
        use SlotState::{AtFault, Closed, Filled, Repairing, Reserved, Vacated};
        use SlotStep::{
            Close, Depart, Fault, HandOver, Reassign, Rebuild, Recover, Repair, Store, Vacate,
        };
        let close = (Close, Closed);
        let table = [
            (Reserved, vec![(Reassign, Reserved), (Store, Filled), close]),
            (Filled, vec![(Fault, AtFault), (Depart, Filled), (HandOver, Vacated), close]),
            (AtFault, vec![(Recover, Filled), (Vacate, Vacated), close]),
            (Repairing, vec![(Vacate, Vacated), (Rebuild, Filled), close]),
            (Vacated, vec![(Repair, Repairing), close]),
            (Closed, vec![]),
        ];
        let steps =
            [Reassign, Store, Fault, Recover, Depart, HandOver, Vacate, Repair, Rebuild, Close];
        assert_eq!(table.clone().map(|row| row.0), SlotState::ALL);
        for (state, row) in table {
            for step in steps {
                let becomes = row.iter().find(|(allowed, _)| *allowed == step).map(|(_, to)| *to);
                assert_eq!(state.after(step), becomes, "{state:?} {step:?}");
            }
        }
    }
}
