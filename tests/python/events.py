#!/usr/bin/env python3
"""Programs written by somebody else: the cloudevents library tells an agent events, and reads the events of another.

It makes a region with the demo, lets one agent take events and another write what it receives into a folder. The library's structured and
binary forms become messages, once each; what arrives is written as an event that the library finds whole.

    tests/python/events.py target/release/liandong
"""

import http.client
import json
import socket
import sys
import tempfile
from pathlib import Path

from calendars import LY, XZ, Region, check
from cloudevents.core.bindings import http as binding
from cloudevents.core.v1.event import CloudEvent

SOURCE, INCIDENT = "//sensors.linyi/river/1", "371300-20261203-0001"
SOURCES = f"""
[[source]]
name = "river"
source = "{SOURCE}"
kinds = ["K07"]
to = ["{XZ}"]
header = {{ category = "NATURAL", event_level = "L0", precedence = "ROUTINE" }}
"""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Doors(Region):
    """One agent takes events, the other writes them."""

    def __init__(self, binary, directory):
        self.port, self.place = free_port(), Path(directory).parent
        self.out = self.place / "out"
        self.out.mkdir()
        super().__init__(binary, directory)

    def start(self, part, config):
        if part == "agent":
            city = Path(config).stem
            rules = self.place / f"{city}.rules.toml"
            written = f'[[rule]]\nname = "map"\non = "received"\nwrite = {{ folder = "{self.out}" }}\n'
            rules.write_text(SOURCES if city == LY else written, encoding="utf-8")
            text = f'rules = "{rules}"\n' + Path(config).read_text(encoding="utf-8")
            if city == LY:
                text += f'\n[events]\nlisten = "127.0.0.1:{self.port}"\ntoken_file = "{self.place}/events.token"\n'
            Path(config).write_text(text, encoding="utf-8")
        super().start(part, config)

    def post(self, message):
        """What the library made of an event, with the token; the status and the answer."""
        token = (self.place / "events.token").read_text(encoding="utf-8").strip()
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = dict(message.headers) | {"authorization": f"Bearer {token}", "accept-language": "zh-CN"}
        line.request("POST", "/events", body=message.body, headers=headers)
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())


def event(number, headline, **more):
    attributes = {"id": number, "source": SOURCE, "type": "cn.liandong.info.bulletin.v1", "specversion": "1.0", "subject": INCIDENT}
    data = {"headline": headline, "subtype": "NOTICE", "body": headline, "valid_until": "2100-01-01T00:00:00Z"}
    return CloudEvent({**attributes, "datacontenttype": "application/json", "dataclassification": "内部", **more}, data)


def told(region):
    status, first = region.post(binding.to_structured_event(event("1", "沂河水位上涨")))
    check(status == 202 and first["outcome"] == "queued", f"a structured event is a message: {first}")
    status, again = region.post(binding.to_binary_event(event("1", "沂河水位上涨")))
    check((status, again["message_id"]) == (202, first["message_id"]), "told again in binary mode it is the same message")
    status, other = region.post(binding.to_structured_event(event("1", "沂河水位回落")))
    check((status, other["field"]) == (409, "id") and "同一编号" in other["detail"], "other words under its id are refused")
    status, other = region.post(binding.to_structured_event(event("2", "第二条", type="com.example.other")))
    check((status, other["field"]) == (400, "type"), "a type that is no kind is refused")
    return first["message_id"]


def read(region, message):
    region.until(lambda: any(message in path.name for path in region.out.glob("*.json")), "the other agent has written an event")
    (path,) = (path for path in region.out.glob("*.json") if message in path.name)
    came = binding.from_structured_event(binding.HTTPMessage({"content-type": "application/cloudevents+json"}, path.read_bytes()))
    check((came.get_id(), came.get_source(), came.get_subject()) == (message, f"//linyi/j/{LY}", INCIDENT), "the library finds it whole")
    check(came.get_data()["headline"] == "沂河水位上涨", "and its data is the body")
    check(str(came.get_extension("ldhops")) == "1", "a program counts as a hop")


def main(binary):
    binary = str(Path(binary).resolve())
    with tempfile.TemporaryDirectory(prefix="liandong-events-") as directory:
        region = Doors(binary, f"{directory}/region")
        try:
            read(region, told(region))
        finally:
            region.stop()
    print("all good")


if __name__ == "__main__":
    main(sys.argv[1])
