"""The file that `tenantry apply` writes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from os import PathLike
from pathlib import Path

from ._token import SigningKey


@dataclass(frozen=True)
class Login:
    """A runtime login. Each pooled connection wants one of its own."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Credentials:
    """Where the database is, who may log in, and what signs."""

    host: str
    port: int
    database: str
    logins: tuple[Login, ...]
    signing_key: SigningKey


def read_credentials(path: str | PathLike[str]) -> Credentials:
    """Reads `credentials.json`."""
    said = json.loads(Path(path).read_text(encoding="utf-8"))
    logins = tuple(Login(login["user"], login["password"]) for login in said["logins"])
    key = SigningKey(said["signing_key"]["kid"], said["signing_key"]["key"])
    return Credentials(said["host"], said["port"], said["database"], logins, key)


def turns(credentials: Credentials) -> Callable[[], Login]:
    """A function that gives each new connection the next login, so that a pool no larger than their number shares none."""
    turn = count()  # its next() is one step, also for threads
    return lambda: credentials.logins[next(turn) % len(credentials.logins)]
