//! Which calls there are, and what they take.

use super::fault::Fault;
use super::{Service, blocks, spends};
use bitcoin::address::NetworkUnchecked;
use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::{Address, Block, Network, OutPoint, Transaction, Txid};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// How many blocks one call mines at most.
const MINED_MAX: u32 = 10_000;

/// Carries out one call.
pub(super) fn call(service: &Service, method: &str, parameters: Value) -> Result<Value, Fault> {
    let chain = &service.chain;
    let given = Given::new(parameters)?;
    match method {
        "getblockchaininfo" => Ok(blocks::chain_info(chain)),
        "getnetworkinfo" => Ok(network_info()),
        "getblockcount" => Ok(json!(chain.top().height)),
        "getbestblockhash" => Ok(json!(chain.top().hash)),
        "getblockhash" => {
            let height: u32 = given.must(0, "a block's height")?;
            let block = chain.block_at(height);
            let block = block.ok_or_else(|| Fault::range("Block height out of range"))?;
            Ok(json!(block.block_hash()))
        }
        "getblockheader" => {
            blocks::header(chain, given.must(0, "a block's hash")?, given.verbosity(1, 1)? > 0)
        }
        "getblock" => {
            blocks::block(chain, given.must(0, "a block's hash")?, given.verbosity(1, 1)?)
        }
        "getrawtransaction" => {
            let txid: Txid = given.must(0, "a transaction's id")?;
            spends::transaction(chain, txid, given.verbosity(1, 0)? > 0)
        }
        "gettxout" => {
            let txid: Txid = given.must(0, "a transaction's id")?;
            let outpoint = OutPoint { txid, vout: given.must(1, "an output's number")? };
            Ok(spends::output(chain, outpoint, given.or(2, "whether what waits counts", true)?))
        }
        "getrawmempool" => Ok(json!(chain.waiting())),
        "estimatesmartfee" => spends::fee_estimate(chain, given.must(0, "a number of blocks")?),
        "sendrawtransaction" => {
            let text: String = given.must(0, "a transaction in hexadecimal")?;
            let transaction: Transaction = deserialize_hex(&text)
                .map_err(|error| Fault::undecodable(format!("TX decode failed: {error}")))?;
            Ok(json!(chain.carry(&transaction)?))
        }
        "submitblock" => {
            let text: String = given.must(0, "a block in hexadecimal")?;
            let block: Block = deserialize_hex(&text)
                .map_err(|error| Fault::undecodable(format!("Block decode failed: {error}")))?;
            let refused = chain.submit(block, (service.clock)()).err();
            Ok(json!(refused.map(|error| error.to_string())))
        }
        "generatetoaddress" => generate(service, &given),
        "invalidateblock" => {
            chain.invalidate(given.must(0, "a block's hash")?)?;
            Ok(Value::Null)
        }
        _ => Err(Fault::no_method(method)),
    }
}

fn generate(service: &Service, given: &Given) -> Result<Value, Fault> {
    let count: u32 = given.must(0, "a number of blocks")?;
    if count > MINED_MAX {
        return Err(Fault::range(format!("at most {MINED_MAX} blocks are mined at a time")));
    }
    let address: Address<NetworkUnchecked> = given.must(1, "an address")?;
    let address = address
        .require_network(Network::Regtest)
        .map_err(|error| Fault::missing(format!("Invalid address: {error}")))?;
    let mined = service.chain.mine_blocks(count, &service.mining(address.script_pubkey()))?;
    Ok(json!(mined))
}

/// A call's parameters, by place.
struct Given(Vec<Value>);

impl Given {
    fn new(parameters: Value) -> Result<Self, Fault> {
        match parameters {
            Value::Null => Ok(Self(vec![])),
            Value::Array(values) => Ok(Self(values)),
            _ => Err(Fault::range("parameters are given by place here, in a list")),
        }
    }

    fn get(&self, at: usize) -> Option<&Value> {
        self.0.get(at).filter(|value| !value.is_null())
    }

    fn must<T: DeserializeOwned>(&self, at: usize, what: &str) -> Result<T, Fault> {
        let value = self.get(at).ok_or_else(|| {
            Fault::kind(format!("parameter {} is missing: {what} is needed", at + 1))
        })?;
        T::deserialize(value)
            .map_err(|error| Fault::kind(format!("parameter {} is not {what}: {error}", at + 1)))
    }

    fn or<T: DeserializeOwned>(&self, at: usize, what: &str, usual: T) -> Result<T, Fault> {
        if self.get(at).is_none() { Ok(usual) } else { self.must(at, what) }
    }

    /// A number, or whether.
    fn verbosity(&self, at: usize, usual: u8) -> Result<u8, Fault> {
        match self.get(at) {
            Some(Value::Bool(verbose)) => Ok(u8::from(*verbose)),
            _ => self.or(at, "a verbosity", usual),
        }
    }
}

fn network_info() -> Value {
    json!({
        "version": 280_000,
        "subversion": concat!("/bondstore-devchain:", env!("CARGO_PKG_VERSION"), "/"),
        "protocolversion": 70_016,
        "localservices": "0000000000000000",
        "localservicesnames": [],
        "localrelay": false,
        "timeoffset": 0,
        "networkactive": false,
        "connections": 0,
        "networks": [],
        "relayfee": 0.000_01,
        "incrementalfee": 0.000_01,
        "localaddresses": [],
        "warnings": blocks::WARNING,
    })
}
