//! `bondstore share`, `shares` and `unshare`: let others read, see who may, take it back.

use crate::arguments;
use crate::client::ClientArgs;
use crate::output::{Output, table};
use ::client::{ObjectName, Scope};
use anyhow::Result;
use clap::Args;
use client_node::Share as Given;
use serde_json::json;
use types::{Did, DocId, Span};

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
        let id = client.share(scope.clone(), self.grantee, expires).await?;
        let value =
            json!({ "grant": id, "grantee": self.grantee, "scope": scope, "expires": expires });
        output.result(&value, || {
            format!(
                "{scope} is shared with {}\nThey read it with: bondstore get --from {} NAME\nTake it back with: bondstore unshare {id}",
                self.grantee,
                client.did()
            )
        });
        Ok(())
    }
}

#[derive(Args)]
pub(crate) struct Shares {
    /// List what this party shares with you, object by object.
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
                    "grant": s.id, "owner": s.owner, "grantee": s.grantee, "scope": s.scope, "expires": s.expires,
                    "over": s.over,
                })
            })
            .collect();
        output.result(&value, || {
            let rows = shares.iter().map(|share| row(share, me));
            table(["grant", "what", "who", "stands"], rows)
        });
        Ok(())
    }
}

fn row(share: &Given, me: Did) -> [String; 4] {
    let (what, who) = if share.owner == me {
        let what =
            share.scope.as_ref().map_or_else(|| "sealed by other words".into(), Scope::to_string);
        (what, format!("to {}", share.grantee))
    } else {
        ("see --from".to_owned(), format!("from {}", share.owner))
    };
    let stands = match (share.over, share.expires) {
        (true, _) => "is over".to_owned(),
        (false, Some(at)) => format!("until {} (µs since 1970)", at.0),
        (false, None) => "until it is taken back".to_owned(),
    };
    [share.id.to_string(), what, who, stands]
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
            "taken back: no further leave to read is given; one that was given lasts five minutes at most".to_owned()
        });
        Ok(())
    }
}
