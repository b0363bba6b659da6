//! How the vocabulary looks in the API's description: what serde writes, as JSON Schema.

use crate::price::{GbPrice, Price};
use crate::{Bytes, Did, Document, Epoch, Hash, Msat, Signed, Span, Timestamp};
use std::borrow::Cow;
use std::marker::PhantomData;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{KnownFormat, Object, Schema, SchemaFormat, Type};
use utoipa::openapi::{ObjectBuilder, Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// Three parts in base64url, the third a signature.
const COMPACT: &str = "^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]*$";

/// In a description: the compact JWS of a `T`. As a value it is a [`Signed`].
#[derive(Clone, Copy, Debug)]
pub struct Jws<T>(PhantomData<T>);

impl<T: Document + ToSchema> utoipa::__dev::ComposeSchema for Jws<T> {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let name = T::name();
        let payload = serde_json::to_value(Ref::from_schema_name(&*name)).unwrap_or_default();
        let document = serde_json::json!({ "typ": T::TYP, "payload": payload });
        let extensions = Extensions::builder().add("x-document", document).build();
        let description = format!(
            "JWS compact serialisation (RFC 7515, EdDSA) whose header says typ {:?} and whose payload is a {name}.",
            T::TYP
        );
        let object = text(COMPACT, &description).extensions(Some(extensions));
        object.content_media_type("application/jose").into()
    }
}

impl<T: Document + ToSchema> ToSchema for Jws<T> {
    fn name() -> Cow<'static, str> {
        "Jws".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

fn text(pattern: &str, description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern))
        .description(Some(description))
}

fn number(minimum: i64, description: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(minimum))
        .description(Some(description))
        .build()
}

macro_rules! schema {
    ($($name:ident => $schema:expr;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::T(Schema::Object($schema))
            }
        }

        impl ToSchema for $name {}
    )*};
}

schema! {
    Did => text("^did:key:z[1-9A-HJ-NP-Za-km-z]{1,64}$", "A party: the did:key of its Ed25519 public key.").build();
    Hash => text("^[0-9a-fA-F]{64}$", "A BLAKE3 hash in hexadecimal. Contracts and documents are named by theirs.").build();
    Signed => text(COMPACT, "A signed document: JWS compact serialisation (RFC 7515) with EdDSA.").build();
    Price => text(DECIMAL, "A price of keeping: msat per GB per day, as decimal text.").build();
    GbPrice => text(DECIMAL, "A price of moving: msat per GB, as decimal text.").build();
    Msat => number(i64::MIN, "An amount of money in thousandths of a satoshi.");
    Bytes => number(0, "A size in bytes.");
    Timestamp => number(i64::MIN, "Microseconds since 1970.");
    Span => number(0, "A duration in microseconds.");
    Epoch => number(0, "The number of an interval of audit and payment.");
}

const DECIMAL: &str = "^-?[0-9]+(\\.[0-9]+)?$";
