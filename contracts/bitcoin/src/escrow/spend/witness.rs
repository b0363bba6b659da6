//! What makes a spend valid: witnesses, checked before they are put in; their weight; and the same as a PSBT.

use super::{Funded, Leaf, Path, SpendError, curve};
use bitcoin::secp256k1::{Message, XOnlyPublicKey, schnorr};
use bitcoin::taproot::LeafVersion;
use bitcoin::{Psbt, Transaction, Weight, Witness};

/// A signature in a witness, signing everything: 64 bytes.
const SIGNATURE: [u8; 64] = [0; 64];

impl Funded {
    /// Who signs under the script of `leaf`, in the script's order.
    ///
    /// # Errors
    /// Where the output has no such leaf.
    pub fn signers(&self, leaf: Leaf) -> Result<[XOnlyPublicKey; 2], SpendError> {
        let keys = self.keys();
        let arbiter = || keys.arbiter.ok_or(SpendError::NoArbiter);
        Ok(match leaf {
            Leaf::Outcome => [keys.client, keys.provider],
            Leaf::ClientArbiter => [keys.client, arbiter()?],
            Leaf::ProviderArbiter => [keys.provider, arbiter()?],
        })
    }

    /// `transaction` with both signatures that the script of `leaf` wants, in the script's order.
    ///
    /// # Errors
    /// Where one of them does not fit.
    pub fn finish(
        &self,
        mut transaction: Transaction,
        leaf: Leaf,
        signatures: [schnorr::Signature; 2],
    ) -> Result<Transaction, SpendError> {
        let message = self.message(&transaction, Path::Script(leaf))?;
        set_witness(&mut transaction, self.leaf_witness(&message, leaf, signatures)?);
        Ok(transaction)
    }

    /// The witness of this escrow under the script of `leaf`, where `message` is its own among other inputs ([`Funded::message_at`]).
    ///
    /// # Errors
    /// Where one of the signatures does not fit.
    pub fn leaf_witness(
        &self,
        message: &Message,
        leaf: Leaf,
        signatures: [schnorr::Signature; 2],
    ) -> Result<Witness, SpendError> {
        for (signature, key) in signatures.iter().zip(self.signers(leaf)?) {
            let fits = curve::SECP.verify_schnorr(signature, message, &key);
            fits.map_err(|_| SpendError::BadSignature(key))?;
        }
        let signatures = signatures.map(|signature| *signature.as_ref());
        self.witness(Path::Script(leaf), &signatures)
    }

    /// A witness under the outcome leaf before anybody has signed: as large as one that is signed.
    pub(crate) fn unsigned_witness(&self) -> Witness {
        self.witness(Path::Script(Leaf::Outcome), &[SIGNATURE; 2]).unwrap_or_default()
    }

    /// Whether `witness` is one under the outcome leaf of this escrow.
    pub(crate) fn is_by_outcome_leaf(&self, witness: &Witness) -> bool {
        let script = self.leaf(Leaf::Outcome).map(|proof| proof.script.as_bytes());
        let by = witness.taproot_leaf_script();
        script.is_ok_and(|script| by.is_some_and(|by| by.script.as_bytes() == script))
    }

    /// `transaction` with the signature of both, for the key path.
    ///
    /// # Errors
    /// Where it does not fit.
    pub fn finish_agreed(
        &self,
        mut transaction: Transaction,
        signature: schnorr::Signature,
    ) -> Result<Transaction, SpendError> {
        let message = self.message(&transaction, Path::Key)?;
        set_witness(&mut transaction, self.agreed_witness(&message, &signature)?);
        Ok(transaction)
    }

    /// The witness of this escrow by the key path, where `message` is its own among other inputs ([`Funded::message_at`]).
    ///
    /// # Errors
    /// Where the signature does not fit.
    pub fn agreed_witness(
        &self,
        message: &Message,
        signature: &schnorr::Signature,
    ) -> Result<Witness, SpendError> {
        let key = curve::x_only(self.escrow.aggregate.aggregated_pubkey());
        let fits = curve::SECP.verify_schnorr(signature, message, &key);
        fits.map_err(|_| SpendError::BadSignature(key))?;
        self.witness(Path::Key, &[*signature.as_ref()])
    }

    /// What `transaction` weighs once it is signed for `path`.
    ///
    /// # Errors
    /// Where the output has no such path.
    pub fn weight(&self, transaction: &Transaction, path: Path) -> Result<Weight, SpendError> {
        let mut signed = transaction.clone();
        let signatures = match path {
            Path::Key => vec![SIGNATURE],
            Path::Script(_) => vec![SIGNATURE; 2],
        };
        set_witness(&mut signed, self.witness(path, &signatures)?);
        Ok(signed.weight())
    }

    /// `transaction` as a PSBT that says everything a signer or finaliser needs (BIP-371).
    ///
    /// # Errors
    /// Where the transaction is not one input that spends this escrow, unsigned.
    pub fn psbt(&self, transaction: Transaction) -> Result<Psbt, SpendError> {
        self.message(&transaction, Path::Key)?;
        let foreign = |_| SpendError::ForeignInput(0);
        let mut psbt = Psbt::from_unsigned_tx(transaction).map_err(foreign)?;
        let input = psbt.inputs.first_mut().ok_or(SpendError::ForeignInput(0))?;
        input.witness_utxo = Some(self.output());
        input.tap_internal_key = Some(self.escrow.internal);
        input.tap_merkle_root = Some(self.escrow.root);
        for proof in &self.escrow.leaves {
            let script = (proof.script.clone(), LeafVersion::TapScript);
            input.tap_scripts.insert(proof.control.clone(), script);
        }
        Ok(psbt)
    }

    /// A script's last key signs first in the witness: its signature lies deepest.
    fn witness(&self, path: Path, signatures: &[[u8; 64]]) -> Result<Witness, SpendError> {
        let mut witness = Witness::new();
        for signature in signatures.iter().rev() {
            witness.push(signature);
        }
        if let Path::Script(leaf) = path {
            let proof = self.leaf(leaf)?;
            witness.push(proof.script.as_bytes());
            witness.push(proof.control.serialize());
        }
        Ok(witness)
    }
}

/// Of the only input.
fn set_witness(transaction: &mut Transaction, witness: Witness) {
    if let Some(input) = transaction.input.first_mut() {
        input.witness = witness;
    }
}
