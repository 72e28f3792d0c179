"""Follows a guide word by word: runs every ```sh block of it in one shell, in order, and holds each ```text block against
what the block before it printed.

```sh build   is left out if TENANTRY_BIN names the folder of a built tenantry
```sh yours   holds the reader's own values and is left out: the environment has them
Lines of a text block must be found in this order; "…" stands for anything.
"""

import os
import re
import subprocess
import sys
import tempfile


def blocks(text):
    """(info string, first line's number, content) of every fenced block."""
    for match in re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.M | re.S):
        yield match[1].strip(), text.count("\n", 0, match.start()) + 2, match[2]


def missing(expected, printed):
    """The first expected line that is not there, or None."""
    at = 0
    lines = printed.splitlines()
    for wanted in filter(str.strip, expected.splitlines()):
        pattern = re.compile(".*".join(map(re.escape, wanted.rstrip().split("…"))) + r"\s*$")
        if not wanted.strip(" …"):
            continue
        while at < len(lines) and not pattern.match(lines[at]):
            at += 1
        if at == len(lines):
            return wanted
        at += 1
    return None


def main(guide):
    built = os.environ.get("TENANTRY_BIN")
    if built:
        os.environ["PATH"] = built + os.pathsep + os.environ["PATH"]
    shell = subprocess.Popen(["bash"], stdin=subprocess.PIPE, text=True)
    folder = tempfile.mkdtemp()
    ran, checked, printed = 0, 0, ""
    with open(guide, encoding="utf-8") as file:
        text = file.read()
    for info, line, content in blocks(text):
        if info == "text":
            wanted = missing(content, printed)
            if wanted is not None:
                sys.exit(f"{guide}:{line}: the command before does not print `{wanted}`, but\n{printed}")
            checked += 1
            continue
        if info.split()[0:1] != ["sh"]:
            continue
        if info == "sh yours" or (info == "sh build" and built):
            continue
        out, code = os.path.join(folder, f"{line}.out"), os.path.join(folder, f"{line}.code")
        os.mkfifo(code)
        print(f"{guide}:{line}: {content.splitlines()[0]}", flush=True)
        # not in a subshell: a folder or a variable of one block is there in the next
        shell.stdin.write(f"set -e -o pipefail; trap 'echo $? > {code}' EXIT\n{{\n{content}}} > {out} 2>&1\ntrap - EXIT; echo 0 > {code}\n")
        shell.stdin.flush()
        with open(code, encoding="utf-8") as file:
            status = file.read().strip()
        with open(out, encoding="utf-8") as file:
            printed = file.read()
        if status != "0":
            sys.exit(f"{guide}:{line}: exit code {status}\n{content}{printed}")
        ran += 1
    shell.stdin.close()
    shell.wait()
    if not ran or not checked:
        sys.exit(f"{guide}: {ran} commands and {checked} outputs: that is no guide")
    print(f"{guide}: {ran} blocks run, {checked} outputs as printed")


main(sys.argv[1])
