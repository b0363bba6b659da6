//! What guests see and move: those that may read, and those that may write to one contract too.

use crate::common::provider::sign;
use crate::common::{client, http, key};
use crate::life::{CLIENT, Town, town};
use network::api::{BackupBody, ContractView, ReviseBody};
use network::auth::bearer;
use network::client::{Call, HttpClient};
use types::documents::{Access, Grant, Revision, Revocation, Session};
use types::{DocId, Hash, Msat, Signer, Span};

const READER: u8 = 104;
const WRITER: u8 = 105;
const OTHER: u8 = 106;
/// Who asks, in the order of the table's columns.
const EVERYONE: [u8; 4] = [CLIENT, READER, WRITER, OTHER];

/// An operation, how it is asked, and what each of [`EVERYONE`] is answered while the grants stand and afterwards.
type Row<'a> = (&'static str, Box<dyn Fn() -> Call + 'a>, [u16; 4], [u16; 4]);

async fn status(town: &Town, who: u8, call: Call) -> u16 {
    let (me, audience) = (key(who), town.market.did());
    let expires = town.market.info().now.after(Span(200 * Span::SECOND.0));
    let session = bearer(&sign(Session { party: me.did(), audience, expires }, &me));
    match call.authorised(session).once().send().await {
        Ok(answer) => answer.status().as_u16(),
        Err(error) => error.problem().unwrap_or_else(|| panic!("{who}: {error}")).status,
    }
}

/// The client lets `guest` into the contract.
async fn given(town: &Town, view: &ContractView, (guest, nonce): (u8, u64)) -> DocId {
    let all = [Access::Read, Access::Write];
    let grant = Grant {
        owner: key(CLIENT).did(),
        grantee: key(guest).did(),
        contract: Some(view.id),
        access: if guest == WRITER { all.to_vec() } else { vec![Access::Read] },
        expires: None,
        nonce,
        sealed: "key".into(),
        memo: "name".into(),
    };
    let grant = sign(grant, &key(CLIENT));
    client(&town.market, &key(CLIENT)).grant(&grant).await.unwrap();
    grant.id()
}

fn rows<'a>(view: &ContractView, writing: DocId, of: &'a HttpClient) -> Vec<Row<'a>> {
    let contract = format!("/v1/contracts/{}", view.id);
    let get = move |path: String| -> Box<dyn Fn() -> Call + 'a> {
        Box::new(move || of.get(path.clone()))
    };
    let put_layout = {
        let path = format!("{contract}/layouts/{}", Hash::of(b"another"));
        move || of.put(path.clone()).bytes(bytes::Bytes::from_static(b"another"))
    };
    let shared = format!("/v1/grants/{writing}/contents");
    let put_shared = {
        let path = shared.clone();
        let body = BackupBody { generation: 1, sealed: "c2VhbGVk".into() };
        move || of.put(path.clone()).json(&body)
    };
    let (owner, own) = (key(CLIENT).did(), [200, 404, 404, 404]);
    let layout = view.layout.unwrap();
    vec![
        ("contract", get(contract.clone()), [200, 404, 200, 404], own),
        ("layout", get(format!("{contract}/layouts/{layout}")), [200, 404, 200, 404], own),
        ("put_layout", Box::new(put_layout), [204, 404, 204, 404], [204, 404, 404, 404]),
        ("passes", get(format!("{contract}/passes")), [404, 200, 200, 404], [404; 4]),
        ("to read", get(format!("{contract}/passes?access=read")), [404, 200, 200, 404], [404; 4]),
        (
            "to write",
            get(format!("{contract}/passes?access=write")),
            [404, 404, 200, 404],
            [404; 4],
        ),
        ("to own", get(format!("{contract}/passes?access=own")), [400; 4], [400; 4]),
        ("put_shared", Box::new(put_shared), [204, 404, 204, 404], [404; 4]),
        ("shared", get(shared), [200, 404, 200, 404], own),
        ("contract_statement", get(format!("{contract}/statement")), own, own),
        ("invoice", get(format!("{contract}/invoice")), own, own),
        (
            "account",
            get(format!("/v1/accounts/{owner}")),
            [200, 403, 403, 403],
            [200, 403, 403, 403],
        ),
    ]
}

/// What a next revision without a change, signed by `who`, is answered.
async fn revised(town: &Town, view: &ContractView, who: u8) -> u16 {
    let now = client(&town.market, &key(CLIENT)).contract(view.id).await.unwrap();
    let slots = now.slots.iter().map(|slot| slot.size).collect();
    let (signer, number, layout) = (key(who).did(), now.revision + 1, now.layout.unwrap());
    let revision = Revision { signer, contract: view.id, number, slots, layout };
    let body = ReviseBody { revision: sign(revision, &key(who)), receipts: vec![] };
    match client(&town.market, &key(who)).revise(view.id, &body).await {
        Ok(view) => {
            assert_eq!(view.revision, number);
            200
        }
        Err(error) => {
            assert!(error.to_string().contains("by a grant that stands"), "{error}");
            error.problem().unwrap().status
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_see_and_move_what_they_are_let_and_no_more() {
    let town = town(7).await;
    for number in [READER, WRITER, OTHER] {
        let reference = format!("for {number}");
        town.market.credit(key(number).did(), Msat(1_000_000_000), &reference).await.unwrap();
    }
    let view = town.stored().await;
    let reading = given(&town, &view, (READER, 1)).await;
    let writing = given(&town, &view, (WRITER, 2)).await;
    let calls = http(&town.market);
    for (name, call, standing, _) in rows(&view, writing, &calls) {
        for (who, expected) in EVERYONE.into_iter().zip(standing) {
            assert_eq!(status(&town, who, call()).await, expected, "{name}, asked by {who}");
        }
    }
    for (who, expected) in EVERYONE.into_iter().zip([200, 403, 200, 403]) {
        assert_eq!(revised(&town, &view, who).await, expected, "{who}");
    }
    let tokens = client(&town.market, &key(WRITER)).passes(view.id, Access::Write).await.unwrap();
    let token = tokens[0].token.verify::<types::documents::AccessToken>().unwrap();
    assert_eq!((&token.access[..], token.holder_pays), (&[Access::Write][..], true));
    assert!(token.expires.since(town.market.info().now) <= Span(300 * Span::SECOND.0));

    for grant in [reading, writing] {
        let revocation = sign(Revocation { owner: key(CLIENT).did(), grant }, &key(CLIENT));
        client(&town.market, &key(CLIENT)).revoke(&revocation).await.unwrap();
    }
    for (name, call, _, revoked) in rows(&view, writing, &calls) {
        for (who, expected) in EVERYONE.into_iter().zip(revoked) {
            assert_eq!(status(&town, who, call()).await, expected, "{name}, asked by {who} late");
        }
    }
    for (who, expected) in EVERYONE.into_iter().zip([200, 403, 403, 403]) {
        assert_eq!(revised(&town, &view, who).await, expected, "{who}, late");
    }
}
