"""Compares what the regression tests said without the proxy and through it.

regress.py DIRECT PROXIED REASONS: exits 0 if every difference has a reason, and every reason still a difference.
A line of REASONS is `test: reason`.
"""

import difflib
import pathlib
import re
import sys

# what differs between any two runs: numbers of processes, objects and transactions, times, costs
VOLATILE = [
    (re.compile(r"\b(pid|PID|process) \d+"), r"\1 N"),
    (re.compile(r"pg_toast_\d+"), "pg_toast_N"),
    (re.compile(r"(actual )?time=[\d.]+"), "time=T"),
]


def lines(path):
    text = path.read_text(encoding="utf-8", errors="replace")
    for pattern, calm in VOLATILE:
        text = pattern.sub(calm, text)
    return text.splitlines()


def main(direct, proxied, reasons):
    known = {}
    for line in pathlib.Path(reasons).read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            test, _, reason = line.partition(":")
            known[test.strip()] = reason.strip()
    same, explained, found = 0, 0, 0
    for path in sorted(pathlib.Path(direct).glob("*.out")):
        other = pathlib.Path(proxied) / path.name
        before, after = lines(path), lines(other) if other.exists() else []
        if before == after:
            same += 1
        elif path.stem in known:
            explained += 1
        else:
            found += 1
            diff = list(difflib.unified_diff(before, after, "direct", "proxied", lineterm="", n=2))
            print(f"{path.stem} differs:", *diff[:60], sep="\n  ")
    print(f"{same} tests say the same through the proxy, {explained} differ for a known reason, {found} differ")
    return 1 if found or not same else 0


sys.exit(main(*sys.argv[1:]))
