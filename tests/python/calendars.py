#!/usr/bin/env python3
"""A calendar program written by somebody else: the icalendar library opens our invitations and writes the answers.

It makes a region with the demo, starts its broker and two of its agents again, opens the invitations to the meeting and to the drill,
moves the meeting, answers it, sees the answer arrive, and sees it called off. Only the program and the library are used.

    tests/python/calendars.py target/release/liandong
"""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from datetime import datetime, timedelta, timezone
from pathlib import Path

import icalendar

LY, XZ = "371300", "320300"
PATIENCE = 30  # seconds that something may take to arrive


def check(holds, what):
    print(("ok     " if holds else "FAILED ") + what, flush=True)
    if not holds:
        sys.exit(1)


class Region:
    """What the demo leaves, running again."""

    def __init__(self, binary, directory):
        self.binary, self.directory, self.programs = binary, Path(directory), []
        played = [binary, "demo", "--headless", "--speed", "max", "--keep", directory, "-o", "json"]
        subprocess.run(played, check=True, stdout=subprocess.DEVNULL, timeout=300)
        listen = tomllib.loads((self.directory / "broker.toml").read_text(encoding="utf-8"))["listen"]
        self.start("broker", self.directory / "broker.toml")
        for city in (LY, XZ):
            config = self.directory / f"{city}.toml"
            # the demo's own lines, which it cuts, are gone
            text = re.sub(r"(?m)^broker = .*$", f'broker = ["{listen}"]', config.read_text(encoding="utf-8"))
            config.write_text(text, encoding="utf-8")
            self.start("agent", config)
        for city in (LY, XZ):
            self.until(lambda city=city: self.run(city, "link", "status").returncode == 0, f"the link of {city} is up")

    def start(self, part, config):
        program = subprocess.Popen([self.binary, part, "--config", config], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.programs.append(program)
        if not program.stdout.readline().startswith("ready"):
            raise RuntimeError(f"{part} {config} did not start")

    def stop(self):
        for program in reversed(self.programs):
            program.terminate()
            program.wait(timeout=30)

    def run(self, city, *args):
        env = {name: value for name, value in os.environ.items() if not name.startswith("LIANDONG_")}
        env |= {"LIANDONG_DESK": str(self.directory / city / "desk.sock"), "LC_ALL": "zh_CN.UTF-8"}
        return subprocess.run([self.binary, *args], env=env, capture_output=True, timeout=60)

    def ask(self, city, *args):
        done = self.run(city, *args)
        if done.returncode != 0:
            check(False, f"{city}: {' '.join(args)}: {done.stderr.decode()}")
        return done.stdout

    def inbox(self, city, kind):
        """Ids of what came of a kind, newest first."""
        rows = json.loads(self.ask(city, "inbox", "-o", "json", "--limit", "200"))
        return [row["message_id"] for row in rows if row["kind"] == kind]

    def came(self, city, kind, before):
        """The message of a kind that was not there before."""
        self.until(lambda: self.inbox(city, kind)[:1] != before[:1], f"{kind} has come to {city}")
        return self.inbox(city, kind)[0]

    def export(self, city, message):
        return self.ask(city, "calendar", "export", message)

    def until(self, holds, what):
        ends = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > ends:
                check(False, what)
            time.sleep(0.1)
        print("ok     " + what, flush=True)

    def write(self, name, data):
        path = self.directory / name
        path.write_bytes(data)
        return str(path)


def opened(data):
    """A calendar as the library reads it, and its event."""
    check(all(len(line) <= 75 for line in data.split(b"\r\n")), "no line is longer than 75 octets")
    check(data.count(b"\n") == data.count(b"\r\n"), "every line ends with CR LF")
    calendar = icalendar.Calendar.from_ical(data)
    (event,) = calendar.walk("VEVENT")
    check(not calendar.errors and not event.errors, "the library finds no fault")
    check(calendar["VERSION"] == "2.0" and str(calendar["PRODID"]) == "-//Liandong//Liandong 1//ZH", "version and producer, each once")
    return calendar, event


def meeting(region):
    notice = region.inbox(XZ, "MEETING_NOTICE")[0]
    calendar, event = opened(region.export(XZ, notice))
    check(str(calendar["METHOD"]) == "REQUEST" and event["SEQUENCE"] == 1, "an invitation, the first")
    check(event["DTSTART"].dt.utcoffset() == timedelta(0), "it starts in UTC")
    attach = event["ATTACH"]
    raw = base64.b64decode(attach.base64data)
    agenda = json.loads(raw)
    titles = [item["body"]["agenda_change"]["item"]["title"] for item in agenda["items"]]
    check(len(titles) == 2 and all(title in str(event["DESCRIPTION"]) for title in titles), "the agenda is attached, and listed for everybody")
    check(attach.params["X-LIANDONG-SHA256"] == hashlib.sha256(raw).hexdigest(), "and it is the one that its digest says")
    asked = [one for one in event["ATTENDEE"] if one.params.get("RSVP") == "TRUE"]
    check(asked and all(str(one).startswith("urn:liandong:j:") for one in asked), "who is asked can answer")
    return str(event["UID"])


def drill(region):
    calendar, event = opened(region.export(XZ, region.inbox(XZ, "DRILL_INVITATION")[0]))
    check(str(calendar["METHOD"]) == "REQUEST" and str(event["STATUS"]) == "TENTATIVE", "a drill, until it is confirmed")
    check(str(event["SUMMARY"]).startswith("【演练】"), "its title says that it is one")
    check("EXERCISE" in [str(category) for category in event["CATEGORIES"].cats], "and so does its category")


def change(region, **body):
    """The chair's next notice; the id of the one that came."""
    sent = json.loads(region.ask(LY, "inbox", "--sent", "-o", "json", "--limit", "200"))
    newest = next(row["message_id"] for row in sent if row["kind"] == "MEETING_NOTICE")
    now = json.loads(region.ask(LY, "show", newest, "--raw"))["body"]
    now = now.get("meeting_notice", now)
    before = region.inbox(XZ, "MEETING_NOTICE")
    draft = region.write("notice.json", json.dumps({"body": now | body}).encode())
    told = ["--sign-off", "李敏/带班领导", "--precedence", "priority", "--role", "secretariat"]
    region.ask(LY, "send", "meeting-notice", "--update", newest, "-f", draft, *told)
    return region.came(XZ, "MEETING_NOTICE", before)


def answer(uid, sequence, partstat="ACCEPTED"):
    """What a calendar program writes when somebody presses a button."""
    attendee = icalendar.vCalAddress(f"urn:liandong:j:{XZ}")
    attendee.params["PARTSTAT"] = partstat
    attendee.params["CN"] = "徐州 值班"
    event = icalendar.Event()
    event.add("UID", uid)
    event.add("SEQUENCE", sequence)
    event.add("DTSTAMP", datetime.now(timezone.utc))
    event.add("ATTENDEE", attendee)
    event.add("ORGANIZER", icalendar.vCalAddress(f"urn:liandong:j:{LY}"))
    event.add("COMMENT", "两人参会；一人列席, 请安排座位")
    calendar = icalendar.Calendar()
    calendar.add("PRODID", "-//somebody else//EN")
    calendar.add("VERSION", "2.0")
    calendar.add("METHOD", "REPLY")
    calendar.add_component(event)
    return calendar.to_ical()


def moved(region, uid):
    start = (datetime.now(timezone.utc) + timedelta(days=40)).replace(hour=1, minute=0, second=0, microsecond=0)
    times = {"start": start.isoformat(), "end": (start + timedelta(hours=3)).isoformat(), "rsvp_by": (start - timedelta(days=7)).isoformat()}
    notice = change(region, sequence=2, **times)
    calendar, event = opened(region.export(XZ, notice))
    check(str(event["UID"]) == uid and event["SEQUENCE"] == 2, "moved: the same event, the next sequence")
    check(event["DTSTART"].dt == start, "at its new time, in UTC")

    stale = region.run(XZ, "calendar", "import", region.write("stale.ics", answer(uid, 1)))
    check(stale.returncode == 70 and b"K41.stale_sequence" in stale.stderr, "an answer to the old date is stale")
    draft = json.loads(region.ask(XZ, "calendar", "import", region.write("answer.ics", answer(uid, 2))))
    reply = draft["body"].get("meeting_reply", draft["body"])
    check((reply["answer"], reply["reason"]) == ("ATTEND", "两人参会；一人列席, 请安排座位"), "an answer to the new one is a draft")
    before = region.inbox(LY, "MEETING_REPLY")
    region.ask(XZ, "calendar", "import", region.write("answer.ics", answer(uid, 2)), "--send")
    came = json.loads(region.ask(LY, "show", region.came(LY, "MEETING_REPLY", before), "--raw"))
    files = [file["name"] for file in came["header"]["attachments"]]
    check(files == ["answer.ics"], "and goes with the file as it came")


def called_off(region, uid):
    notice = change(region, sequence=3, method="CANCEL", reason="防汛应急响应启动")
    calendar, event = opened(region.export(XZ, notice))
    check((str(calendar["METHOD"]), str(event["STATUS"])) == ("CANCEL", "CANCELLED"), "called off: the calendar is told")
    check(str(event["UID"]) == uid and event["SEQUENCE"] == 3, "about the same event")


def main(binary):
    binary = str(Path(binary).resolve())
    with tempfile.TemporaryDirectory(prefix="liandong-calendars-") as directory:
        region = Region(binary, f"{directory}/region")
        try:
            uid = meeting(region)
            drill(region)
            moved(region, uid)
            called_off(region, uid)
        finally:
            region.stop()
    print("all good")


if __name__ == "__main__":
    main(sys.argv[1])
