//! One chain, three ways to ask it: all say the same, before and after a reorganisation.

use crate::stage::{Stage, anyone, mining};
use bitcoin::{Amount, Block, FeeRate, Network};
use contracts_bitcoin::chain::follow::{Change, Follower, follow};
use contracts_bitcoin::chain::{Chain, ChainError, Tip, Unspent};
use std::num::NonZeroU32;

/// Everything that the trait says: network, tip, blocks, fee rates.
type Said = (Network, Tip, Vec<Option<Block>>, Vec<FeeRate>);

async fn said(chain: &impl Chain) -> Said {
    let tip = chain.tip().await.unwrap();
    let mut blocks = vec![];
    for height in [0, 1, tip.height, tip.height + 1, u32::MAX >> 1] {
        blocks.push(chain.block(height).await.unwrap());
    }
    let mut rates = vec![];
    for within in [1, 6, 144] {
        rates.push(chain.fee_rate(within).await.unwrap());
    }
    (chain.network(), tip, blocks, rates)
}

async fn agree(stage: &Stage) {
    let in_process = said(&stage.chain).await;
    assert_eq!(said(&stage.rpc().await).await, in_process);
    assert_eq!(said(&stage.esplora().await).await, in_process);
}

#[tokio::test]
async fn in_process_over_rpc_and_over_esplora_the_chain_says_the_same() {
    let stage = Stage::with(105).await;
    agree(&stage).await;
    stage.chain.reorganise(3, &mining()).unwrap();
    agree(&stage).await;
}

async fn carried_once(stage: &Stage, chain: &impl Chain, height: u32) {
    let sent = stage.pay(height, anyone(), 1_000);
    let txid = sent.compute_txid();
    // The second time it waits already, the third time a block holds it.
    assert_eq!(chain.broadcast(&sent).await, Ok(txid));
    assert_eq!(chain.broadcast(&sent).await, Ok(txid));
    stage.chain.mine(&mining()).unwrap();
    assert_eq!(chain.broadcast(&sent).await, Ok(txid));

    let mut wrong = sent.clone();
    wrong.output[0].value += Amount::from_int_btc(1);
    let Err(ChainError::Refused { txid, reason }) = chain.broadcast(&wrong).await else {
        panic!("a double spend that pays too much was carried")
    };
    assert_eq!(txid, wrong.compute_txid());
    assert!(reason.contains("bad-txns-inputs-missingorspent"), "{reason}");
}

#[tokio::test]
async fn a_known_transaction_is_carried_and_a_wrong_one_refused_in_the_nodes_words_on_every_way() {
    let stage = Stage::with(110).await;
    carried_once(&stage, &stage.chain, 1).await;
    carried_once(&stage, &stage.rpc().await, 2).await;
    carried_once(&stage, &stage.esplora().await, 3).await;
}

async fn looked_up(stage: &Stage, chain: &impl Chain, height: u32) {
    let there =
        |transaction: &bitcoin::Transaction| bitcoin::OutPoint::new(transaction.compute_txid(), 0);
    let coinbase = stage.chain.block_at(height).unwrap().txdata[0].clone();
    let depth = stage.chain.top().height + 1 - height;
    let mined =
        Unspent { output: coinbase.output[0].clone(), confirmations: depth, is_coinbase: true };
    assert_eq!(chain.unspent(there(&coinbase)).await, Ok(Some(mined)));
    let sent = stage.pay(height, anyone(), 1_000);
    chain.broadcast(&sent).await.unwrap();
    assert_eq!(chain.unspent(there(&coinbase)).await, Ok(None), "what waits spends it");
    let output = sent.output[0].clone();
    let made =
        |confirmations| Unspent { output: output.clone(), confirmations, is_coinbase: false };
    assert_eq!(chain.unspent(there(&sent)).await, Ok(Some(made(0))));
    let no_such = bitcoin::OutPoint::new(sent.compute_txid(), 1);
    assert_eq!(chain.unspent(no_such).await, Ok(None));
    stage.chain.mine_blocks(2, &mining()).unwrap();
    assert_eq!(chain.unspent(there(&sent)).await, Ok(Some(made(2))));
    assert_eq!(chain.unspent(there(&coinbase)).await, Ok(None));
    let unknown: bitcoin::Txid = "11".repeat(32).parse().unwrap();
    assert_eq!(chain.unspent(bitcoin::OutPoint::new(unknown, 0)).await, Ok(None));
}

#[tokio::test]
async fn an_output_is_unspent_waiting_or_spent_on_every_way() {
    let stage = Stage::with(110).await;
    looked_up(&stage, &stage.chain, 1).await;
    looked_up(&stage, &stage.rpc().await, 2).await;
    looked_up(&stage, &stage.esplora().await, 3).await;
}

async fn followed(stage: &Stage, chain: &impl Chain, height: u32) {
    let script = bitcoin::ScriptBuf::from(vec![0x51, 0x51, 0x87]).to_p2wsh();
    let mut follower = Follower::new(100, NonZeroU32::new(2).unwrap());
    follower.watch_script(script.clone());
    follow(chain, &mut follower).await.unwrap();
    let sent = stage.pay(height, script, 1_000);
    chain.broadcast(&sent).await.unwrap();
    stage.chain.mine(&mining()).unwrap();
    let outpoint = bitcoin::OutPoint::new(sent.compute_txid(), 0);
    assert_eq!(follow(chain, &mut follower).await, Ok(vec![Change::Funded(outpoint)]));
    stage.chain.reorganise(1, &mining()).unwrap();
    let undone = Change::Unfunded { outpoint, was_final: false };
    assert_eq!(follow(chain, &mut follower).await, Ok(vec![undone]));
    stage.chain.mine_blocks(2, &mining()).unwrap();
    let again = vec![Change::Funded(outpoint), Change::FundingFinal(outpoint)];
    assert_eq!(follow(chain, &mut follower).await, Ok(again));
}

#[tokio::test]
async fn a_follower_follows_over_every_way() {
    let stage = Stage::with(110).await;
    followed(&stage, &stage.chain, 4).await;
    followed(&stage, &stage.rpc().await, 5).await;
    followed(&stage, &stage.esplora().await, 6).await;
}
