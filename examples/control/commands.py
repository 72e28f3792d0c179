"""Prints every command in Markdown's fenced blocks that begins with curl, each ended by a NUL."""

import sys


def commands(text):
    inside, command = False, None
    for line in text.splitlines():
        if line.startswith("```"):
            inside = not inside
        elif inside and (command is not None or line.startswith("curl ")):
            command = (command or "") + line + "\n"
            if not line.endswith("\\"):
                yield command
                command = None


for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        for command in commands(file.read()):
            sys.stdout.write(command + "\0")
