"""What every Python program here shares: the two tenants, how many of what, and checks that stop at the first difference."""

import os
from dataclasses import dataclass
from typing import NoReturn

HOST = os.environ["PGHOST"]
PORT = int(os.environ["PGPORT"])
DATABASE = os.environ["PGDATABASE"]
# the drivers read these too, and must not log in as somebody else by accident
os.environ.pop("PGUSER", None)
os.environ.pop("PGPASSWORD", None)

TIMES = 12  # more often than any driver waits before it prepares a statement
MANY = 10_000
LARGE = "ü" + "x" * 1_048_576 + "€"
CROWD = 4  # connections of each tenant at once
CROWD_TRANSACTIONS = 25


@dataclass(frozen=True)
class Tenant:
    """A login, and the team whose rows it sees."""

    user: str
    password: str
    team: str


A, B = TENANTS = tuple(Tenant(os.environ[f"{t}_USER"], os.environ[f"{t}_PASSWORD"], os.environ[f"{t}_TEAM"]) for t in "AB")


def other(tenant: Tenant) -> Tenant:
    return B if tenant is A else A


class Checks:
    def __init__(self, driver: str) -> None:
        self.driver = driver
        self.count = 0

    def same(self, what: str, found: object, wanted: object) -> None:
        """Both are equal, or the program ends and says what differs."""
        if found != wanted or type(found) is not type(wanted):
            self.fail(f"{what}: wanted {short(wanted)}, found {short(found)}")
        self.count += 1

    def fail(self, what: str) -> NoReturn:
        raise SystemExit(f"not ok {self.driver}: {what}")

    def done(self) -> None:
        print(f"ok {self.driver} {self.count} checks")


def short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text)} characters)"
