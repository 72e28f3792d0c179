"""A mail server (aiosmtpd) that appends every letter to a file: postbox.py PORT FILE."""

import signal
import sys

from aiosmtpd.controller import Controller


class Keep:
    """Keeps what comes."""

    def __init__(self, path):
        self.path = path

    async def handle_DATA(self, server, session, envelope):
        with open(self.path, "ab") as file:
            file.write(envelope.content + b"\n")
        return "250 taken"


controller = Controller(Keep(sys.argv[2]), hostname="127.0.0.1", port=int(sys.argv[1]))
controller.start()
signal.sigwait({signal.SIGTERM, signal.SIGINT})
controller.stop()
