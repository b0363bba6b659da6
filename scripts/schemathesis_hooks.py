"""What schemathesis cannot know: which names exist, and how documents are signed."""

import base64
import hashlib
import json
import os
import random

import schemathesis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
SIGNERS = ("provider", "client", "party", "signer", "auditor", "issuer", "holder")


def did(key):
    number = int.from_bytes(b"\xed\x01" + key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw), "big")
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return "did:key:z" + text


OWN = did(KEY)


def encoded(value):
    data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(typ, payload):
    text = encoded({"alg": "EdDSA", "kid": OWN, "typ": typ}) + "." + encoded(payload)
    return text + "." + encoded(KEY.sign(text.encode()))


def lookup(root, reference):
    value = root
    for part in reference.lstrip("#/").split("/"):
        value = value[part]
    return value


def payload(root, schema, draw, name=None):
    """A value of a schema: mostly sensible, sometimes at the edges."""
    if "$ref" in schema:
        target = schema["$ref"].rsplit("/", 1)[-1]
        if target == "Did":
            return OWN if name in SIGNERS else os.environ["BONDSTORE_MARKET"]
        if name == "contract" and draw.random() < 0.7:
            return draw.choice(os.environ["BONDSTORE_CONTRACTS"].split())
        if target in ("Hash", "DocId", "ContractId"):
            return hashlib.sha256(str(draw.random()).encode()).hexdigest()
        if target in ("Price", "GbPrice"):
            return str(draw.choice([0, 1, 100, -1, "1.5", 10**12]))
        return payload(root, lookup(root, schema["$ref"]), draw, name)
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return payload(root, draw.choice(schema[choice]), draw, name)
    if "enum" in schema:
        return draw.choice(schema["enum"])
    kind = schema.get("type")
    kind = draw.choice(kind) if isinstance(kind, list) else kind
    if kind == "object":
        return {key: payload(root, value, draw, key) for key, value in schema.get("properties", {}).items()}
    if kind == "array":
        size = draw.choice([schema.get("minItems", 0), 1, 2, 7])
        size = min(max(size, schema.get("minItems", 0)), schema.get("maxItems", 7))
        return [payload(root, schema.get("items") or {}, draw) for _ in range(size)]
    if kind == "integer":
        edges = [0, 1, 2, 100, 1000, 65535, 2**31 - 1, 2**40, 2**62, 2**63 - 1, schema.get("minimum", -1)]
        return draw.choice(edges)
    if kind == "boolean":
        return draw.random() < 0.5
    if kind == "string":
        return draw.choice(["", "eu", "http://127.0.0.1:9", "\u00e9" * 40, "a" * 5000])
    return None


def signed(root, schema, draw):
    document = schema.get("x-document") or lookup(root, schema["$ref"]).get("x-document")
    return sign(document["typ"], payload(root, document["payload"], draw))


# What a path may name, and where names of it that exist are. A contract's name is that of the acceptance it began with.
NAMED = {
    "party": "BONDSTORE_PARTY",
    "contract": "BONDSTORE_CONTRACTS",
    "document": "BONDSTORE_CONTRACTS",
    "layout": "BONDSTORE_LAYOUTS",
    "grant": "BONDSTORE_GRANTS",
}


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Most of what a path names is there."""
    draw = random.Random(repr(path_parameters))
    for name, known in NAMED.items():
        if path_parameters and name in path_parameters and draw.random() < 0.7:
            path_parameters[name] = draw.choice(os.environ[known].split())
    return path_parameters


@schemathesis.hook
def before_call(context, case, kwargs=None):
    """Most documents are really signed, and no stream of events goes on for ever."""
    if case.operation.path == "/v1/events":
        case.query = dict(case.query or {}, follow="false")
    content = (case.operation.definition.raw.get("requestBody") or {}).get("content", {})
    root = case.operation.schema.raw_schema
    draw = random.Random(repr(case.body))
    if draw.random() < 0.3:
        return
    if case.media_type == "application/jose" and "application/jose" in content:
        case.body = signed(root, content["application/jose"]["schema"], draw).encode()
    elif isinstance(case.body, dict) and "application/json" in content:
        shape = lookup(root, content["application/json"]["schema"]["$ref"])
        for name, field in shape.get("properties", {}).items():
            if name in case.body and "Jws_" in json.dumps(field):
                items = field.get("items")
                case.body[name] = [signed(root, items, draw)] if items else signed(root, field, draw)


@schemathesis.serializer("application/jose")
def compact(context, value):
    """A signed document is sent as it stands."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


if __name__ == "__main__":
    print(OWN)
