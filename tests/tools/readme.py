#!/usr/bin/env python3
"""Runs every command of the READMEs, in order, as a newcomer would type them. `tests/run` itself is left out: it is what runs this."""

import re
import subprocess
import sys
import time


def commands(path):
    text = open(path, encoding="utf-8").read()
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S):
        for line in block.splitlines():
            command = line.split(" #")[0].strip()
            if command and command != "tests/run":
                yield command


def main(paths):
    done = set()
    failed = 0
    for path in paths:
        found = list(commands(path))
        if not found:
            print(f"{path}: no commands found")
            failed += 1
        for command in found:
            if command in done:  # the other language's README says the same
                continue
            done.add(command)
            began = time.monotonic()
            result = subprocess.run(command, shell=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1800)
            took = time.monotonic() - began
            ok = result.returncode == 0 and result.stdout.strip() + result.stderr.strip() != ""
            print(f"{'ok    ' if ok else 'FAILED'} {took:6.1f} s  {command}", flush=True)
            if not ok:
                failed += 1
                print(result.stdout[-2000:], result.stderr[-2000:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
