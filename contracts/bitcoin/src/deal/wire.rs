//! How types of other modules are written in messages.

use crate::escrow::Party;
use crate::escrow::funding::FundingInput;
use crate::outcome::Auditor;
use crate::outcome::prefix::DIGITS;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bitcoin::secp256k1::XOnlyPublicKey;
use bitcoin::{OutPoint, Psbt, TxOut};
use contracts::outcome::Stake;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use types::terms::PayoutCurve;
use types::{Msat, SlotCost};

/// A stake's fields.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Stake", deny_unknown_fields)]
pub(super) struct StakeText {
    curve: PayoutCurve,
    cost: SlotCost,
    bond: Msat,
    repair_cost: Msat,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Auditor", deny_unknown_fields)]
struct AuditorText {
    key: XOnlyPublicKey,
    nonces: [XOnlyPublicKey; DIGITS],
}

#[derive(Serialize, Deserialize)]
struct OneAuditor(#[serde(with = "AuditorText")] Auditor);

/// Auditors in a list.
pub(super) mod auditors {
    use super::{Auditor, Deserialize, Deserializer, OneAuditor, Serializer};

    pub(in crate::deal) fn serialize<S: Serializer>(
        auditors: &[Auditor],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(auditors.iter().cloned().map(OneAuditor))
    }

    pub(in crate::deal) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Auditor>, D::Error> {
        let auditors = Vec::<OneAuditor>::deserialize(deserializer)?;
        Ok(auditors.into_iter().map(|OneAuditor(auditor)| auditor).collect())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "FundingInput", deny_unknown_fields)]
struct InputText {
    outpoint: OutPoint,
    output: TxOut,
}

#[derive(Serialize, Deserialize)]
struct OneInput(#[serde(with = "InputText")] FundingInput);

/// Funding inputs in a list.
pub(super) mod inputs {
    use super::{Deserialize, Deserializer, FundingInput, OneInput, Serializer};

    pub(in crate::deal) fn serialize<S: Serializer>(
        inputs: &[FundingInput],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(inputs.iter().cloned().map(OneInput))
    }

    pub(in crate::deal) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<FundingInput>, D::Error> {
        let inputs = Vec::<OneInput>::deserialize(deserializer)?;
        Ok(inputs.into_iter().map(|OneInput(input)| input).collect())
    }
}

/// A PSBT in base64 (BIP-174).
pub(super) mod psbt {
    use super::{Deserialize, Deserializer, Engine, Psbt, STANDARD, Serializer, de};

    pub(in crate::deal) fn serialize<S: Serializer>(
        psbt: &Psbt,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(psbt.serialize()))
    }

    pub(in crate::deal) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Psbt, D::Error> {
        let bytes = STANDARD.decode(String::deserialize(deserializer)?);
        Psbt::deserialize(&bytes.map_err(de::Error::custom)?).map_err(de::Error::custom)
    }
}

/// So many bytes as hexadecimal digits.
pub(super) mod digits {
    use super::{Deserialize, Deserializer, Serializer, de};

    pub(in crate::deal) fn serialize<S: Serializer, const N: usize>(
        bytes: &[u8; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(in crate::deal) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[u8; N], D::Error> {
        let mut bytes = [0; N];
        let text = String::deserialize(deserializer)?;
        hex::decode_to_slice(text, &mut bytes).map_err(de::Error::custom)?;
        Ok(bytes)
    }
}

/// A party's name.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Party", rename_all = "snake_case")]
pub(super) enum PartyText {
    Client,
    Provider,
}
