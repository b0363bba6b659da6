//! `bondstore share`, `shares` and `unshare`: let others read and write, see who may, take it back.

use crate::arguments;
use crate::client::ClientArgs;
use crate::output::{Output, table};
use ::client::{ObjectName, Scope, StorageWish};
use anyhow::{Context, Result};
use clap::Args;
use client_node::{Client, Share as Given};
use serde_json::json;
use types::documents::Access;
use types::terms::RailKind;
use types::{Bytes, ContractId, Did, DocId, Span};

/// Where a guest may write.
#[derive(Args)]
struct WriteArgs {
    /// Let them put and remove too, in one contract: name it with --in, or have one made with --room.
    #[arg(long)]
    write: bool,
    /// With --write: in this contract, which must hold nothing else.
    #[arg(long = "in", value_name = "CONTRACT", requires = "write", conflicts_with = "room")]
    contract: Option<ContractId>,
    /// With --write: in a new contract with room for so much.
    #[arg(long, value_name = "SIZE", requires = "write", value_parser = arguments::size)]
    room: Option<Bytes>,
    /// With --room: how long the new contract lasts.
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = arguments::span)]
    keep: Span,
    /// With --room: where the new contract's money sits, `ledger` or `bitcoin`.
    #[arg(long, value_name = "RAIL", default_value = "ledger", requires = "room", value_parser = arguments::rail)]
    rail: RailKind,
}

impl WriteArgs {
    /// The contract that the guest may write to; nothing where it is to read alone.
    async fn contract(&self, client: &Client) -> Result<Option<ContractId>> {
        if !self.write {
            return Ok(None);
        }
        let Some(room) = self.room else {
            let none = "--write needs a contract that is the guest's alone: give --room SIZE to make one, or --in CONTRACT";
            return Ok(Some(self.contract.context(none)?));
        };
        let wish = StorageWish { rail: self.rail, ..StorageWish::new(room, self.keep) };
        Ok(Some(client.make_contract(&wish, &()).await?))
    }
}

#[derive(Args)]
pub(crate) struct Share {
    /// The object; with --prefix, how the names of what is shared begin.
    name: String,
    /// Who may read it: a `did:key`.
    #[arg(long = "with", value_name = "DID")]
    grantee: Did,
    /// Share everything whose name begins so, what is stored later too.
    #[arg(long)]
    prefix: bool,
    /// For how long; until it is taken back where nothing is said.
    #[arg(long = "for", value_name = "DURATION", value_parser = arguments::span)]
    duration: Option<Span>,
    #[command(flatten)]
    write: WriteArgs,
    #[command(flatten)]
    client: ClientArgs,
}

impl Share {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        let client = self.client.open().await?;
        let name = ObjectName::new(&self.name)?;
        let scope = if self.prefix { Scope::Prefix(name) } else { Scope::Object(name) };
        let expires = match self.duration {
            Some(span) => Some(client.market().info().await?.now.after(span)),
            None => None,
        };
        let contract = self.write.contract(&client).await?;
        let to = (self.grantee, expires);
        let id = match contract {
            Some(contract) => {
                let shared = client.share_to_write(scope.clone(), to, contract).await;
                shared.with_context(|| format!("contract {contract} is there, and not shared"))?
            }
            None => client.share(scope.clone(), self.grantee, expires).await?,
        };
        let value = json!({
            "grant": id, "grantee": self.grantee, "scope": scope, "expires": expires, "contract": contract,
        });
        output.result(&value, || {
            let (who, me) = (self.grantee, client.did());
            let writes = contract.map_or_else(String::new, |contract| {
                format!("\nThey write it, in contract {contract}, with: bondstore put FILE NAME --to {me}")
            });
            format!(
                "{scope} is shared with {who}\nThey read it with: bondstore get --from {me} NAME{writes}\nTake it back with: bondstore unshare {id}"
            )
        });
        Ok(())
    }
}

#[derive(Args)]
pub(crate) struct Shares {
    /// List what this party shares with you, or has put where you let it write, object by object.
    #[arg(long, value_name = "DID")]
    from: Option<Did>,
    #[command(flatten)]
    client: ClientArgs,
}

impl Shares {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        let client = self.client.open().await?;
        if let Some(owner) = self.from {
            let objects = client.shared_by(owner).await?;
            let value: Vec<_> = objects
                .iter()
                .map(|o| json!({ "name": o.name.name, "bytes": o.layout.plain_bytes, "contract": o.contract }))
                .collect();
            output.result(&value, || {
                let row = |o: &::client::ObjectRecord| {
                    [o.name.to_string(), types::Bytes(o.layout.plain_bytes).to_string()]
                };
                table(["name", "size"], objects.iter().map(row))
            });
            return Ok(());
        }
        let (me, shares) = (client.did(), client.shares().await?);
        let value: Vec<_> = shares
            .iter()
            .map(|s| {
                json!({
                    "grant": s.id, "owner": s.owner, "grantee": s.grantee, "scope": s.scope, "access": s.access,
                    "contract": s.contract, "expires": s.expires, "over": s.over,
                })
            })
            .collect();
        output.result(&value, || {
            let rows = shares.iter().map(|share| row(share, me));
            table(["grant", "what", "who", "may", "stands"], rows)
        });
        Ok(())
    }
}

fn row(share: &Given, me: Did) -> [String; 5] {
    let (unsaid, who) = if share.owner == me {
        ("sealed by other words", format!("to {}", share.grantee))
    } else {
        ("see --from", format!("from {}", share.owner))
    };
    let what = share.scope.as_ref().map_or_else(|| unsaid.to_owned(), Scope::to_string);
    let may = if share.access.contains(&Access::Write) { "read, write" } else { "read" };
    let stands = match (share.over, share.expires) {
        (true, _) => "is over".to_owned(),
        (false, Some(at)) => format!("until {} (µs since 1970)", at.0),
        (false, None) => "until it is taken back".to_owned(),
    };
    [share.id.to_string(), what, who, may.to_owned(), stands]
}

#[derive(Args)]
pub(crate) struct Unshare {
    /// The grant, as `shares` lists it.
    grant: DocId,
    #[command(flatten)]
    client: ClientArgs,
}

impl Unshare {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        self.client.open().await?.unshare(self.grant).await?;
        output.result(&json!({ "revoked": self.grant }), || {
            "taken back: no further leave is given; one that was given lasts five minutes at most".to_owned()
        });
        Ok(())
    }
}
