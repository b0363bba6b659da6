//! What the chain has paid to whom, and that nothing is lost.

use super::world::{MARKET, POOL, Person, World};
use crate::escrow_world::script;
use bitcoin::{Amount, Block, OutPoint, ScriptBuf};
use std::collections::BTreeMap;
use std::sync::Arc;

impl World {
    pub(crate) fn blocks(&self) -> Vec<Arc<Block>> {
        (0..=self.chain.top().height).map(|at| self.chain.block_at(at).unwrap()).collect()
    }

    /// What the chain has paid to `to` since the contract began.
    pub(crate) fn paid_to(&self, to: &ScriptBuf) -> Vec<Amount> {
        let blocks = self.blocks().into_iter().skip(self.begun as usize + 1);
        let transactions = blocks.flat_map(|block| block.txdata.clone());
        let outputs = transactions.flat_map(|transaction| transaction.output);
        outputs.filter(|output| output.script_pubkey == *to).map(|output| output.value).collect()
    }

    /// The chain's whole book: in every block outputs and fees are inputs, and the miner has the subsidy and the fees. Gives all fees
    /// since the contract began.
    pub(crate) fn balance(&self) -> Amount {
        let (mut coins, mut since) = (BTreeMap::<OutPoint, Amount>::new(), Amount::ZERO);
        for (height, block) in (0_u32..).zip(self.blocks()) {
            let mut fees = Amount::ZERO;
            for transaction in &block.txdata {
                let paid: Amount = transaction.output.iter().map(|output| output.value).sum();
                if !transaction.is_coinbase() {
                    let spent = transaction.input.iter().map(|input| &input.previous_output);
                    let spent: Amount = spent.map(|coin| coins.remove(coin).unwrap()).sum();
                    fees += spent - paid;
                }
                let txid = transaction.compute_txid();
                for (vout, output) in (0..).zip(&transaction.output) {
                    coins.insert(OutPoint { txid, vout }, output.value);
                }
            }
            let mined: Amount = block.txdata[0].output.iter().map(|output| output.value).sum();
            assert!(mined <= (Amount::from_sat(5_000_000_000 >> (height / 150))) + fees);
            since += if height > self.begun { fees } else { Amount::ZERO };
        }
        since
    }

    /// What everybody has together.
    pub(crate) fn held(&self) -> Amount {
        let wallets = std::iter::once(&self.client).chain(&self.providers);
        let wallets: Amount = wallets.map(|person| person.wallet.balance()).sum();
        let others = [POOL, MARKET].map(|to| self.paid_to(&script(to)).into_iter().sum::<Amount>());
        wallets + others[0] + others[1]
    }

    /// What escrows hold that are not spent yet: they are the first outputs of the first transaction that is not a coinbase.
    pub(crate) fn locked(&self) -> Amount {
        let mut blocks = self.blocks().into_iter().skip(self.begun as usize + 1);
        let funding = blocks.find_map(|block| block.txdata.get(1).cloned());
        let Some(funding) = funding else { return Amount::ZERO };
        let txid = funding.compute_txid();
        let slots = u32::try_from(self.providers.len() * self.each).unwrap();
        let coins = (0..slots).filter_map(|vout| self.chain.coin(OutPoint { txid, vout }));
        coins.map(|coin| coin.output.value).sum()
    }

    /// What everybody had together.
    pub(crate) fn brought(&self) -> Amount {
        let received = |person: &Person| {
            let funding = self.chain.block_at(self.begun).unwrap();
            let outputs = funding.txdata.iter().flat_map(|tx| tx.output.clone());
            outputs
                .filter(|output| output.script_pubkey == person.payout)
                .map(|output| output.value)
                .sum::<Amount>()
        };
        std::iter::once(&self.client).chain(&self.providers).map(received).sum()
    }
}
