#!/usr/bin/env python3
"""An agent written by somebody else: grpcio, server reflection and the documents alone.

It makes a region with the command line, starts a broker, submits a sealed bulletin as one city, takes and confirms it as another,
reads the receipt's way back, verifies every signature by docs/formats.md, and is refused where it should be. Nothing of our Rust is used.

    tests/python/client.py target/release/liandong
"""

import hashlib
import os
import queue
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import uuid
from pathlib import Path

import grpc
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.protobuf import descriptor_pool, message_factory
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

REGION = "linyi"
CALL = 10  # seconds that a call may take


# --- seals, by docs/formats.md ------------------------------------------------------------------------------------
def counted(text):
    return bytes([len(text)]) + text.encode()


def leaf(kind, data):
    return hashlib.sha256(b"\x00LIANDONG-V1" + counted(kind) + data).digest()


def root_message(kind, key_id, size, root):
    return b"LIANDONG-V1-ROOT" + counted(kind) + counted(REGION) + key_id + size.to_bytes(4, "big") + root


def root_by_path(node, index, size, hashes):
    """RFC 9162, 2.1.3.2: from a leaf to the root; a path of any other length is refused."""
    last = size - 1
    for sibling in hashes:
        if last == 0:
            raise ValueError("the path is too long")
        if index % 2 == 1 or index == last:
            node = hashlib.sha256(b"\x01" + sibling + node).digest()
            while index % 2 == 0 and index != 0:
                index, last = index // 2, last // 2
        else:
            node = hashlib.sha256(b"\x01" + node + sibling).digest()
        index, last = index // 2, last // 2
    if last != 0:
        raise ValueError("the path is too short")
    return node


def verify(kind, data, seal, keys):
    key = keys[bytes(seal.key_id)]
    size = seal.path.size
    root = root_by_path(leaf(kind, data), seal.path.index, size, [bytes(h) for h in seal.path.hashes])
    key.verify(bytes(seal.signature), root_message(kind, bytes(seal.key_id), size, root))


# --- the other side -----------------------------------------------------------------------------------------------
def check(holds, what):
    print(("ok     " if holds else "FAILED ") + what, flush=True)
    if not holds:
        sys.exit(1)


def reason_of(error):
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info.reason, dict(info.metadata)
    return None, {}


class Contract:
    """Message classes as the broker's reflection describes them."""

    def __init__(self, channel):
        self.pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))

    def __call__(self, message, /, **fields):
        kind = message_factory.GetMessageClass(self.pool.FindMessageTypeByName(f"liandong.v1.{message}"))
        return kind(**fields)

    def method(self, channel, service, name, stream=False):
        found = self.pool.FindServiceByName(f"liandong.v1.{service}").FindMethodByName(name)
        made = channel.stream_stream if stream else channel.unary_unary
        answer = message_factory.GetMessageClass(found.output_type)
        return made(f"/liandong.v1.{service}/{name}", lambda m: m.SerializeToString(), answer.FromString)

    def number(self, enum, name):
        return self.pool.FindEnumTypeByName(f"liandong.v1.{enum}").values_by_name[name].number


class City:
    """One city with its trust directory."""

    def __init__(self, code, trust, broker):
        self.code, self.trust, self.broker = code, Path(trust), broker
        self.key = serialization.load_pem_private_key((self.trust / "evidence.key").read_bytes(), None)
        public = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.key_id = hashlib.sha256(public).digest()[:16]
        self.incarnation, self.seq = os.urandom(8), 0
        self.channel = self.dial()

    def directory(self):
        text = (self.trust / "directory.toml").read_text(encoding="utf-8").split("# --- signatures")[0]
        return tomllib.loads(text)

    def dial(self, certificate=True):
        shown = {"private_key": (self.trust / "leaf.key").read_bytes(), "certificate_chain": (self.trust / "leaf.pem").read_bytes()}
        roots = self.directory()["broker_ca"].encode()
        credentials = grpc.ssl_channel_credentials(roots, **(shown if certificate else {}))
        return grpc.secure_channel(self.broker, credentials)

    def keys(self):
        directory = self.directory()
        entries = [*directory["broker_evidence"], *(e for member in directory["members"] for e in member["evidence"])]
        raw = [bytes.fromhex(entry["key"]) for entry in entries]
        return {hashlib.sha256(key).digest()[:16]: Ed25519PublicKey.from_public_bytes(key) for key in raw}

    def seal(self, kind, data, contract):
        signature = self.key.sign(root_message(kind, self.key_id, 1, leaf(kind, data)))
        return contract("Seal", key_id=self.key_id, signature=signature, path=contract("MerklePath", index=0, size=1))

    def envelope(self, contract, to, headline):
        now = time.time_ns() // 1_000_000
        message_id = ((now << 80) | (7 << 76) | (int.from_bytes(os.urandom(10)) & ~(0xF << 76))) & ~(0b11 << 62) | (0b10 << 62)
        message_id = message_id.to_bytes(16, "big")
        assert uuid.UUID(bytes=message_id).version == 7
        self.seq += 1
        n = contract.number
        officer = n("Role", "ROLE_DUTY_OFFICER")
        header = contract(
            "Header", message_id=message_id, originating_message_id=message_id, schema_version=1, kind=n("Kind", "KIND_BULLETIN"),
            action=n("Action", "ACTION_ORIGINATE"), status=n("Status", "STATUS_ACTUAL"), revision=1, incarnation=self.incarnation,
            sender=contract("Party", jurisdiction=self.code, role=officer, name="Zhou Min"), sender_seq=self.seq, utc_offset_min=480,
            precedence=n("Precedence", "PRECEDENCE_PRIORITY"), confidentiality=n("Confidentiality", "CONFIDENTIALITY_INTERNAL"),
            receipt_required=n("Stage", "STAGE_OPENED"), prepared_by=contract("Signatory", name="Zhou Min", role=officer),
            language="zh-CN", region=REGION,
        )
        header.sent_at.FromMilliseconds(now)
        header.expires_at.FromMilliseconds(now + 3_600_000)
        header.recipients.add().jurisdiction.id = to
        content = contract("Content", header=header)
        content.body.bulletin.headline = headline
        data = content.SerializeToString()
        return message_id, contract("Envelope", content=data, seal=self.seal("envelope", data, contract))

    def hello(self, contract):
        hello = contract("Hello", protocol_min=1, protocol_max=1, incarnation=self.incarnation, boot_count=1, last_sender_seq=self.seq,
                         profile="normal", software="python")
        hello.clock.FromMilliseconds(time.time_ns() // 1_000_000)
        for precedence in range(1, 5):
            hello.credit.lines.add(precedence=precedence, bytes=1 << 30, envelopes=1 << 20)
        return contract("SessionRequest", hello=hello)


class Session:
    """One session: what is said goes into a queue, what comes is waited for."""

    def __init__(self, city, contract):
        self.asks = queue.SimpleQueue()
        self.asks.put(city.hello(contract))
        self.call = contract.method(city.channel, "Exchange", "Session", stream=True)(iter(self.asks.get, None), timeout=60)

    def until(self, frame):
        for response in self.call:
            if response.WhichOneof("frame") == frame:
                return getattr(response, frame)
        raise RuntimeError(f"the session ended before {frame}")

    def end(self):
        self.asks.put(None)
        self.call.cancel()


# --- the exercise -------------------------------------------------------------------------------------------------
def region(binary, directory):
    """Certificates and configurations as the demo leaves them; its broker starts again without its state."""
    played = [binary, "demo", "--headless", "--speed", "max", "--keep", directory, "-o", "json"]
    subprocess.run(played, check=True, stdout=subprocess.DEVNULL, timeout=300)
    subprocess.run(["rm", "-rf", f"{directory}/broker"], check=True)
    config = Path(directory) / "broker.toml"
    listen = tomllib.loads(config.read_text(encoding="utf-8"))["listen"]
    return config, listen


def start(binary, config, address):
    broker = subprocess.Popen([binary, "broker", "--config", config], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if not broker.stdout.readline().startswith("ready"):
        raise RuntimeError("the broker did not start")
    host, port = address.rsplit(":", 1)
    socket.create_connection((host, int(port)), timeout=CALL).close()
    return broker


def exchange(lyg, xz, contract):
    submit = contract.method(lyg.channel, "Exchange", "Submit")
    message_id, envelope = lyg.envelope(contract, xz.code, "Tanker overturned at the border")
    request = contract("SubmitRequest", submission=contract("Submission", envelope=envelope))
    accepted = submit(request, timeout=CALL).receipt
    keys = lyg.keys()
    verify("receipt", accepted.statement, accepted.seal, keys)
    statement = contract("ReceiptStatement")
    statement.ParseFromString(accepted.statement)
    check(statement.stage == contract.number("Stage", "STAGE_ACCEPTED"), "accepted, and the receipt's signature is the broker's")

    again = submit(request, timeout=CALL).receipt
    check(bytes(again.statement) == bytes(accepted.statement), "the same again is answered with a receipt of equal content")

    session = Session(xz, contract)
    delivery = session.until("deliveries").deliveries[0]
    check(bytes(delivery.envelope.content) == bytes(envelope.content), "delivered byte for byte")
    verify("envelope", delivery.envelope.content, delivery.envelope.seal, keys)
    session.asks.put(confirm(xz, contract, delivery))
    stored = session.until("confirm_stored")
    check(stored.number == 1, "the confirmation is on the broker's disk")
    session.end()

    line = Session(lyg, contract)
    receipt = line.until("receipt_line").receipts[0]
    verify("receipt", receipt.statement, receipt.seal, keys)
    statement.ParseFromString(receipt.statement)
    delivered = contract.number("Stage", "STAGE_DELIVERED")
    check(statement.stage == delivered and bytes(statement.message_id) == message_id, "the sender holds the recipient's signed DELIVERED")
    line.end()
    return envelope


def confirm(city, contract, delivery):
    content = contract("Content")
    content.ParseFromString(delivery.envelope.content)
    statement = contract(
        "ReceiptStatement", message_id=content.header.message_id, content_hash=hashlib.sha256(delivery.envelope.content).digest(),
        recipient=city.code, stage=contract.number("Stage", "STAGE_DELIVERED"), by=f"{city.code}/desk",
        sender=content.header.sender.jurisdiction,
    )
    statement.at.FromMilliseconds(time.time_ns() // 1_000_000)
    data = statement.SerializeToString()
    seal = city.seal("receipt", data, contract)
    receipts = contract("ReceiptBatch", statements=[data], key_id=seal.key_id, signature=seal.signature)
    return contract("SessionRequest", confirm=contract("Confirm", number=1, cumulative_tag=delivery.tag, receipts=receipts))


def refusals(lyg, xz, contract, envelope):
    def refused(envelope, expected, what, city=lyg):
        request = contract("SubmitRequest", submission=contract("Submission", envelope=envelope))
        try:
            contract.method(city.channel, "Exchange", "Submit")(request, timeout=CALL)
        except grpc.RpcError as error:
            reason, metadata = reason_of(error)
            check(reason == expected and "field" in metadata, f"{what}: {reason} at {metadata.get('field')}")
        else:
            check(False, f"{what}: was accepted")

    altered = bytearray(envelope.content)
    altered[-1] ^= 1
    refused(contract("Envelope", content=bytes(altered), seal=envelope.seal), "LD205_BAD_SEAL", "an altered byte")
    refused(envelope, "LD102_SENDER_MISMATCH", "another city's message", xz)
    content = contract("Content")
    content.ParseFromString(envelope.content)
    content.body.bulletin.headline = "Something else"
    data = content.SerializeToString()
    resealed = contract("Envelope", content=data, seal=lyg.seal("envelope", data, contract))
    refused(resealed, "LD303_CONFLICT_ID", "other bytes under a known id")
    content.header.message_id = b"\0" * 16
    data = content.SerializeToString()
    refused(contract("Envelope", content=data, seal=lyg.seal("envelope", data, contract)), "LD203_BAD_CODE", "an id that is none")
    nobody = lyg.dial(certificate=False)
    try:
        health_pb2_grpc.HealthStub(nobody).Check(health_pb2.HealthCheckRequest(), timeout=CALL)
    except grpc.RpcError as error:
        check(error.code() == grpc.StatusCode.UNAVAILABLE, "without a certificate nothing is answered")
    else:
        check(False, "a call without a certificate was answered")


def main(binary):
    with tempfile.TemporaryDirectory(prefix="liandong-python-") as directory:
        config, address = region(binary, f"{directory}/region")
        broker = start(binary, config, address)
        try:
            trust = Path(directory) / "region" / "trust"
            lyg, xz = City("320700", trust / "320700", address), City("320300", trust / "320300", address)
            health = health_pb2_grpc.HealthStub(lyg.channel).Check(health_pb2.HealthCheckRequest(), timeout=CALL)
            check(health.status == health_pb2.HealthCheckResponse.SERVING, "the broker is SERVING")
            contract = Contract(lyg.channel)
            refusals(lyg, xz, contract, exchange(lyg, xz, contract))
        finally:
            broker.terminate()
            broker.wait(timeout=30)
    print("all good")


if __name__ == "__main__":
    main(sys.argv[1])
