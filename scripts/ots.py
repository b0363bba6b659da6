"""Holds our .ots files against the stock OpenTimestamps client: `mined FOLDER`, or `devchain DATA FOLDER EXAMPLE`."""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import bitcoin
import bitcoin.rpc
from bitcoin.core import CBlockHeader, CMutableTransaction, COutPoint, CTxIn, CTxInWitness, CTxOut, CTxWitness, b2lx, b2x, lx
from bitcoin.core.script import CScript, CScriptWitness
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation
from opentimestamps.core.serialize import BytesDeserializationContext
from opentimestamps.core.timestamp import DetachedTimestampFile

OTS = pathlib.Path(sys.executable).with_name("ots")


class Headers(BaseHTTPRequestHandler):
    """So much of bitcoind's RPC as the stock client asks for, from a file of headers."""

    headers_served = []

    def do_POST(self):
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = {b2lx(header.GetHash()): header for header in self.headers_served}
        answer, error = None, None
        try:
            if call["method"] == "getblockcount":
                answer = len(self.headers_served) - 1
            elif call["method"] == "getblockhash":
                answer = b2lx(self.headers_served[call["params"][0]].GetHash())
            elif call["method"] == "getblockheader":
                answer = b2x(known[call["params"][0]].serialize())
        except IndexError:
            error = {"code": -8, "message": "Block height out of range"}
        body = json.dumps({"result": answer, "error": error, "id": call["id"]}).encode()
        self.send_response(200 if error is None else 500)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def headers_of(file):
    raw = file.read_bytes()
    assert len(raw) % 80 == 0, len(raw)
    return [CBlockHeader.deserialize(raw[at : at + 80]) for at in range(0, len(raw), 80)]


def by_library(proof, headers):
    """The library's own reading and checking of one proof."""
    detached = DetachedTimestampFile.deserialize(BytesDeserializationContext(proof.read_bytes()))
    with open(proof.with_suffix(""), "rb") as file:
        assert detached.file_hash_op.hash_fd(file) == detached.file_digest, proof
    attested = list(detached.timestamp.all_attestations())
    assert len(attested) == 1, proof
    message, attestation = attested[0]
    assert isinstance(attestation, BitcoinBlockHeaderAttestation), proof
    attestation.verify_against_blockheader(message, headers[attestation.height])


def by_client(proof, node):
    """Whether the stock client's own command believes a proof."""
    command = [str(OTS), "--btc-regtest", "--no-cache", "--bitcoin-node", node, "verify", str(proof)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout + done.stderr
    assert (done.returncode == 0) == ("Success! Bitcoin block" in said), said
    return done.returncode == 0, said


def must(proof, node):
    believed, said = by_client(proof, node)
    assert believed, f"{proof}: {said}"


def must_not(proof, node, why):
    believed, said = by_client(proof, node)
    assert not believed and why in said, f"{proof}: {said}"


def mined(folder):
    checked = by_command = 0
    server = HTTPServer(("127.0.0.1", 0), Headers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    node = f"http://any:any@127.0.0.1:{server.server_port}/"
    for batch in sorted(folder.iterdir()):
        headers = headers_of(batch / "headers")
        Headers.headers_served = headers
        proofs = sorted(batch.glob("*.ots"))
        for proof in proofs:
            by_library(proof, headers)
            checked += 1
        for proof in {proofs[0], proofs[len(proofs) // 2], batch / "statement.txt.ots"}:
            must(proof, node)
            by_command += 1
    proof = batch / "statement.txt.ots"
    text = (batch / "statement.txt").read_bytes()
    (batch / "statement.txt").write_bytes(text.replace(b"entries 97", b"entries 98"))
    must_not(proof, node, "File does not match original")
    (batch / "statement.txt").write_bytes(text)
    raw = bytearray(proof.read_bytes())
    raw[100] ^= 1
    proof.write_bytes(raw)
    must_not(proof, node, "does not match merkleroot")
    Headers.headers_served = headers[:2]
    must_not(batch / "file-0.txt.ots", node, "not found")
    server.shutdown()
    print(f"opentimestamps 0.4.5 accepts all of {checked} proofs, and `ots verify` {by_command} of {by_command}; it refuses 3 wrong ones")


def devchain(data, folder, example):
    """An anchor that a real transaction carries on a development chain, whose RPC the client then asks."""
    settings = data / "bitcoin.conf"
    until = time.monotonic() + 60
    while not settings.exists():
        assert time.monotonic() < until, "the development chain did not start"
        time.sleep(0.1)
    bitcoin.SelectParams("regtest")
    port = next(line.split("=")[1] for line in settings.read_text().splitlines() if line.startswith("rpcport="))
    cookie = (data / "regtest" / ".cookie").read_text().strip()
    node = f"http://{cookie}@127.0.0.1:{port}"
    proxy = bitcoin.rpc.Proxy(service_url=node, timeout=60)
    # P2WSH of OP_TRUE: whoever shows the script spends it.
    anyone = "bcrt1qft5p2uhsdcdc3l2ua4ap5qqfg4pjaqlp250x7us7a8qqhrxrxfsqseac85"
    first = proxy.call("generatetoaddress", 101, anyone)[0]
    coinbase = proxy.call("getblock", first, 1)["tx"][0]
    script = subprocess.run([example, "script"], check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    spending = CMutableTransaction(
        [CTxIn(COutPoint(lx(coinbase), 0))],
        [CTxOut(0, CScript(bytes.fromhex(script))), CTxOut(4_999_990_000, CScript(b"\x00\x20" + b"\x4a" * 32))],
        witness=CTxWitness([CTxInWitness(CScriptWitness([b"\x51"]))]),
    )
    proxy.call("sendrawtransaction", b2x(spending.serialize()))
    block = proxy.call("generatetoaddress", 1, anyone)[0]
    height = proxy.getblockcount()
    os.makedirs(folder)
    (folder / "block").write_text(proxy.call("getblock", block, 0))
    subprocess.run([example, "prove", str(folder), str(folder / "block"), str(height)], check=True, timeout=60)
    proofs = sorted(folder.glob("*.ots"))
    assert len(proofs) == 4, proofs
    for proof in proofs:
        must(proof, node)
    print(f"`ots verify` believes {len(proofs)} proofs of an anchor in block {height} of a development chain, over its RPC")


if sys.argv[1] == "mined":
    mined(pathlib.Path(sys.argv[2]))
else:
    devchain(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), sys.argv[4])
