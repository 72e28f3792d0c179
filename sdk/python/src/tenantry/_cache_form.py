"""What stands in Redis: names and sealed values, by the rule of `crates/cache/src/key.rs` and `seal.rs`.

The vectors in `sdk/cache-vectors.json` hold for all three languages.
"""

import hashlib
import hmac
import os
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HEAD = 50
REMOVAL_MS = 60_000


def parts(*texts: str) -> bytes:
    """Each part with its length in front, so that no text in one can look like the end of it."""
    return b"".join(len(raw).to_bytes(4, "big") + raw for raw in (text.encode() for text in texts))


def expand(root: bytes, info: bytes) -> bytes:
    """HKDF-Expand to 32 bytes, which is one block."""
    return hmac.digest(root, info + b"\x01", "sha256")


def mix(run_id: bytes, everybody: bytes, tenant: bytes, kind: bytes) -> bytes:
    """The generation of an entry: of which run, of all tenants, of the tenant, of the kind."""
    plain = b"".join(len(part).to_bytes(4, "big") + part for part in (run_id, everybody, tenant, kind))
    return hashlib.sha256(plain).digest()[:16]


@dataclass(frozen=True)
class Found:
    """What was under a name: something that counts, or not."""

    counts: bool
    value: bytes | None = None
    damaged: bool = False


@dataclass(frozen=True)
class Form:
    """Names and seals of one realm."""

    #: 32 bytes in hexadecimal, the same in all processes
    secret: str = field(repr=False)
    realm: str
    #: the type of the tenant column: uuid, integer, bigint or text
    tenant_kind: str = "uuid"
    prefix: str = "tenantry:1:"
    _root: bytes = field(init=False, repr=False)
    _names: bytes = field(init=False, repr=False)
    _message: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len(bytes.fromhex(self.secret)) != 32:
            raise ValueError("tenantry: the secret of a cache is 64 hexadecimal digits (32 bytes)")
        if self.tenant_kind not in ("uuid", "integer", "bigint", "text"):
            raise ValueError("tenantry: a tenant key is of type uuid, integer, bigint or text")
        root = hmac.digest(b"tenantry cache 1", bytes.fromhex(self.secret), "sha256")
        object.__setattr__(self, "_root", root)
        object.__setattr__(self, "_names", expand(root, b"name"))
        object.__setattr__(self, "_message", expand(root, b"message"))

    def name(self, *texts: str) -> bytes:
        return hmac.digest(self._names, parts(*texts), "sha256")

    def text(self, letter: str, name: bytes) -> str:
        return f"{self.prefix}{letter}:{urlsafe_b64encode(name).rstrip(b'=').decode()}"

    def entry(self, tenant: str, kind: str, id: str) -> bytes:
        return self.name("entry", self.realm, self.tenant_kind, tenant, "", "", kind, id)

    def generation(self, tenant: str) -> str:
        return self.text("g", self.name("generation", self.realm, self.tenant_kind, tenant))

    def generation_of_kind(self, tenant: str, kind: str) -> str:
        return self.text("g", self.name("generation of kind", self.realm, self.tenant_kind, tenant, kind))

    def generation_of_all(self) -> str:
        return self.text("g", self.name("generation of all", self.realm))

    def channel(self) -> str:
        return self.text("m", self.name("channel", self.realm))

    def seal(self, tenant: str, name: bytes, generation: bytes, ends: int, value: bytes | None) -> bytes:
        nonce = os.urandom(24)
        head = bytes([1, 1 if value is None else 0]) + generation + ends.to_bytes(8, "big") + nonce
        key = hmac.digest(self._tenant(tenant), b"entry" + nonce[:12], "sha256")
        return head + AESGCM(key).encrypt(nonce[12:], value or b"", head + name)

    def open(self, tenant: str, name: bytes, generation: bytes, now: int, stored: bytes) -> Found:
        if len(stored) < HEAD or stored[0] != 1:
            return Found(False, damaged=True)
        head, body = stored[:HEAD], stored[HEAD:]
        if head[1] == 2 or head[2:18] != generation or int.from_bytes(head[18:26], "big") <= now:
            return Found(False)
        nonce = head[26:]
        key = hmac.digest(self._tenant(tenant), b"entry" + nonce[:12], "sha256")
        try:
            value = AESGCM(key).decrypt(nonce[12:], body, head + name)
        except InvalidTag:
            return Found(False, damaged=True)
        if head[1] == 0:
            return Found(True, value)
        return Found(True) if head[1] == 1 and value == b"" else Found(False, damaged=True)

    def removal(self, now: int) -> bytes:
        return bytes([1, 2]) + bytes(16) + (now + REMOVAL_MS).to_bytes(8, "big") + os.urandom(24)

    def message(self, *texts: str) -> bytes:
        """What other processes are told to forget."""
        nonce = os.urandom(24)
        key = hmac.digest(self._message, b"message" + nonce[:12], "sha256")
        return b"\x01" + nonce + AESGCM(key).encrypt(nonce[12:], parts("sdk", *texts), b"\x01")

    def _tenant(self, tenant: str) -> bytes:
        return expand(self._root, parts("tenant", self.realm, self.tenant_kind, tenant))
