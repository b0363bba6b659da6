//! The chain's whole book: nothing is lost, and nobody is paid twice.

use crate::world::{World, market_script};
use bitcoin::{Amount, OutPoint, ScriptBuf};
use contracts_bitcoin::escrow::spend::ANCHOR;
use std::collections::BTreeMap;

impl World {
    /// What the chain has paid to `script`.
    pub(crate) fn paid_to(&self, script: &ScriptBuf) -> Vec<Amount> {
        let blocks = (0..=self.chain.top().height).map(|at| self.chain.block_at(at).unwrap());
        let outputs = blocks.flat_map(|b| b.txdata.clone()).flat_map(|tx| tx.output);
        outputs.filter(|output| output.script_pubkey == *script).map(|o| o.value).collect()
    }

    /// In every block outputs and fees are inputs; gives all fees since the treasurers have their coins.
    fn fees(&self) -> Amount {
        let (mut coins, mut fees) = (BTreeMap::<OutPoint, Amount>::new(), Amount::ZERO);
        for height in 0..=self.chain.top().height {
            for transaction in &self.chain.block_at(height).unwrap().txdata {
                let paid: Amount = transaction.output.iter().map(|output| output.value).sum();
                if !transaction.is_coinbase() {
                    let spent = transaction.input.iter().map(|input| &input.previous_output);
                    let spent: Amount = spent.map(|coin| coins.remove(coin).unwrap()).sum();
                    fees += if height > self.begun { spent - paid } else { Amount::ZERO };
                }
                let txid = transaction.compute_txid();
                for (vout, output) in (0..).zip(&transaction.output) {
                    coins.insert(OutPoint { txid, vout }, output.value);
                }
            }
        }
        fees
    }

    /// Everything that everybody had is in wallets, in escrows that are open, at the market, elsewhere and in fees. Payouts by
    /// attestation and refunds leave an anchor.
    pub(crate) async fn nothing_is_lost(&self, anchors: u64) {
        self.adds_up(anchors, Amount::ZERO).await;
    }

    pub(crate) async fn adds_up(&self, anchors: u64, elsewhere: Amount) {
        let held = self.held().await;
        let market: Amount = self.paid_to(&market_script()).into_iter().sum();
        let fundings = self.lines().into_iter().filter_map(|line| line.funding);
        let open = fundings.filter_map(|outpoint| self.chain.coin(outpoint));
        let open: Amount = open.map(|coin| coin.output.value).sum();
        let anchors = ANCHOR * anchors;
        let now = held + market + open + anchors + elsewhere + self.fees();
        assert_eq!(now, self.brought);
    }
}
