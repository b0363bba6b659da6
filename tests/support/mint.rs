//! A development chain as a process, with a wallet that its blocks pay and that pays others.

use crate::processes::{PATIENCE, Process};
use bitcoin::{Address, Amount, FeeRate, Network, ScriptBuf};
use contracts_bitcoin::chain::rpc::{Auth, Bitcoind, Node};
use contracts_bitcoin::chain::{Chain, FeeBounds, Patience};
use contracts_bitcoin::keys::MasterKey;
use contracts_bitcoin::wallet::{Payout, Wallet};
use network::endpoint::PlainHttp;
use std::path::Path;
use std::time::Instant;
use types::Hash;

/// Enough blocks for coins of the first ones to be spendable.
const RIPE: u32 = 103;

/// A development chain that mines for a wallet, fast.
pub(crate) struct Mint {
    pub(crate) dev: Process,
    keys: MasterKey,
    wallet: Wallet,
}

impl Mint {
    pub(crate) fn open(folder: &Path) -> Self {
        let keys = MasterKey::new(&[7; 32], Network::Regtest).expect("a seed");
        let mut wallet = Wallet::open(&folder.join("mint.jsonl"), &keys, None).expect("a wallet");
        let to = wallet.payout_address().expect("an address").to_string();
        let data = folder.join("chain").display().to_string();
        let dev = Process::start([
            "chain",
            "dev",
            "run",
            "--listen",
            "127.0.0.1:0",
            "--data",
            &data,
            "--block-time",
            "50ms",
            "--to",
            &to,
        ]);
        Self { dev, keys, wallet }
    }

    pub(crate) async fn node(&self) -> Bitcoind {
        let node = Node {
            url: self.dev.said("rpc"),
            network: Network::Regtest,
            auth: Auth::Cookie(self.dev.said("cookie").into()),
            plain: PlainHttp::LoopbackOnly,
            patience: Patience::default(),
            fees: FeeBounds::default(),
        };
        Bitcoind::connect(node).await.expect("it lets us in")
    }

    /// Pays `sat` to an address, less a fee, and says what arrives.
    pub(crate) async fn pay(&mut self, to: &str, sat: u64) -> Amount {
        let node = self.node().await;
        until("coins are ripe", async || node.tip().await.is_ok_and(|tip| tip.height > RIPE)).await;
        while self.wallet.follow(&node).await.is_err() {}
        let to: Address<_> = to.parse().expect("an address");
        let to = to.require_network(Network::Regtest).expect("of regtest").script_pubkey();
        let payout =
            Payout { id: Hash::of(to.as_bytes()), to: to.clone(), amount: Amount::from_sat(sat) };
        let rate = FeeRate::from_sat_per_vb(3).expect("a rate");
        let paid =
            self.wallet.pay(&[payout], rate, &self.keys).expect("it can pay").expect("it is new");
        node.broadcast(&paid.transaction).await.expect("it is carried");
        let arrived = paid.transaction.output.iter().find(|output| output.script_pubkey == to);
        arrived.expect("it pays there").value
    }

    /// What the chain has paid to `script` by now, output by output.
    pub(crate) async fn paid_to(&self, script: &ScriptBuf) -> Vec<Amount> {
        let node = self.node().await;
        let tip = node.tip().await.expect("it answers");
        let mut paid = Vec::new();
        for height in RIPE..=tip.height {
            let block = node.block(height).await.expect("it answers").expect("a block");
            let outputs = block.txdata.into_iter().flat_map(|transaction| transaction.output);
            paid.extend(outputs.filter(|o| o.script_pubkey == *script).map(|output| output.value));
        }
        paid
    }
}

/// Waits until something is so, or panics when [`PATIENCE`] is at its end.
pub(crate) async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done().await {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
