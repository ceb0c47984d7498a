"""Signed tracking tokens: how one is spelled, signed, and judged at the instant of a click.

A token is 68 URL-safe characters, base64url of 51 bytes::

    version 1 | key id 8 | token id 12 | issued_at 5 | expires_at 5 | HMAC-SHA256, first 20 bytes

Times are whole seconds since 1970. 51 bytes fill 68 characters without a spare bit, so a token has one
spelling and each altered character is another token. Who is credited is not in the token: KOL, campaign
and link stand in the feed ``tracking_tokens`` under the token's id. Truncation of the code follows
RFC 2104, section 5.
"""

import base64
import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

VERSION = 1
DEFAULT_LIFETIME = timedelta(hours=48)
ROTATE_AFTER = timedelta(hours=24)
TOKEN_CHARS = 68

_SPELLING = re.compile(r"[A-Za-z0-9_-]{68}")
_KEY_ID = re.compile(r"[a-z0-9]{1,8}")
_MAC_BYTES = 20
_MIN_SECRET_BYTES = 32
# Signing a name of the purpose with the payload keeps a key that is used elsewhere from vouching for a token.
_PURPOSE = b"sokol-tracking-token\x00"


class Refusal(StrEnum):
    """Why a token does not count."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNSUPPORTED_VERSION = "unsupported_version"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    NOT_REGISTERED = "not_registered"
    REVOKED = "revoked"


@dataclass(frozen=True)
class TokenRecord:
    """One row of the feed ``tracking_tokens``; instants are aware and in UTC."""

    tenant_id: str
    token_id: str
    token: str
    kol_id: str
    campaign_id: str | None
    link_url: str | None
    key_id: str
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    updated_at: datetime

    @property
    def link(self) -> tuple[str, str, str | None, str | None]:
        """What there is one token for: tenant, KOL, campaign and address."""
        return self.tenant_id, self.kol_id, self.campaign_id, self.link_url


@dataclass(frozen=True)
class Verdict:
    """What a token is worth at one instant: ``refusal`` is None when it counts.

    ``token_id`` is set only when the signature holds; ``record`` only when a registry was asked and knew it.
    """

    refusal: Refusal | None
    token_id: str | None = None
    record: TokenRecord | None = None

    @property
    def accepted(self) -> bool:
        """True when the token counts."""
        return self.refusal is None


class KeyRing:
    """The signing keys: new tokens are signed by the first, tokens of every key in the ring are accepted.

    To rotate without downtime: append the new key everywhere, then move it to the front, and take the old
    one out once its last token has expired.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Hold ``keys`` by id, the signing one first.

        Raises:
            ValueError: no key, an id other than 1 to 8 characters of a-z and 0-9, a secret under 32 bytes.
        """
        if not keys:
            raise ValueError("the key ring is empty; set SOKOL_TOKEN_KEYS to id:secret, signing key first")
        for key_id, secret in keys.items():
            if not _KEY_ID.fullmatch(key_id):
                raise ValueError(f"token key id {key_id!r} is not 1 to 8 characters a-z, 0-9; rename it")
            if len(secret) < _MIN_SECRET_BYTES:
                raise ValueError(
                    f"the secret of token key {key_id!r} has {len(secret)} bytes, at least"
                    f" {_MIN_SECRET_BYTES} are needed; make one with python's secrets.token_urlsafe(32)"
                )
        self._keys = dict(keys)

    def __repr__(self) -> str:
        """Name the keys, never their secrets."""
        return f"KeyRing({', '.join(self._keys)})"

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read ``id:secret,id:secret`` (secrets base64url), the form of ``SOKOL_TOKEN_KEYS``.

        Raises:
            ValueError: an entry is not id:secret, an id stands twice, or a secret is not base64url.
        """
        keys: dict[str, bytes] = {}
        for place, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
            key_id, colon, secret = entry.partition(":")
            if not colon:
                raise ValueError(f"SOKOL_TOKEN_KEYS, entry {place} is not id:secret; put commas between")
            if key_id in keys:
                raise ValueError(f"SOKOL_TOKEN_KEYS names key {key_id!r} twice; rename one")
            if not re.fullmatch(r"[A-Za-z0-9_-]+", secret) or len(secret) % 4 == 1:
                raise ValueError(f"SOKOL_TOKEN_KEYS, key {key_id!r}: its secret is not unpadded base64url")
            keys[key_id] = _from_base64url(secret)
        return cls(keys)

    @property
    def signing_key_id(self) -> str:
        """Id of the key that signs new tokens."""
        return next(iter(self._keys))

    def __contains__(self, key_id: str) -> bool:
        """Tell whether the ring holds this key."""
        return key_id in self._keys

    def sign(self, key_id: str, payload: bytes) -> bytes:
        """Return the authentication code of ``payload``: the first 20 bytes of HMAC-SHA256."""
        return hmac.digest(self._keys[key_id], _PURPOSE + payload, "sha256")[:_MAC_BYTES]


def issue(
    keys: KeyRing,
    *,
    tenant_id: str,
    kol_id: str,
    at: datetime,
    campaign_id: str | None = None,
    link_url: str | None = None,
    lifetime: timedelta = DEFAULT_LIFETIME,
    token_id: bytes | None = None,
) -> TokenRecord:
    """Sign a new token for one KOL, campaign and link.

    Args:
        keys: the ring; its first key signs.
        tenant_id: organisation of the KOL.
        kol_id: who is credited.
        at: instant from which it is valid (aware); cut to the whole second.
        campaign_id: campaign, when there is one.
        link_url: address that the link leads to.
        lifetime: how long it is valid, at least one second.
        token_id: 12 bytes, random when left out (tests and simulations give their own).

    Returns:
        The row of ``tracking_tokens``; it takes effect once it is landed.

    Raises:
        ValueError: the lifetime is under a second, the id is not 12 bytes or ``at`` is naive.
    """
    if lifetime < timedelta(seconds=1):
        raise ValueError(f"token for KOL {kol_id}: a lifetime of {lifetime} is under one second")
    token_id = secrets.token_bytes(12) if token_id is None else token_id
    if len(token_id) != 12:
        raise ValueError(f"token for KOL {kol_id}: an id has 12 bytes, not {len(token_id)}")
    issued = _seconds(at)
    expires = issued + int(lifetime.total_seconds())
    key_id = keys.signing_key_id
    payload = (
        bytes([VERSION])
        + key_id.encode("ascii").ljust(8, b"\x00")
        + token_id
        + issued.to_bytes(5, "big")
        + expires.to_bytes(5, "big")
    )
    issued_at = _instant(issued)
    return TokenRecord(
        tenant_id=tenant_id,
        token_id=token_id.hex(),
        token=_to_base64url(payload + keys.sign(key_id, payload)),
        kol_id=kol_id,
        campaign_id=campaign_id,
        link_url=link_url,
        key_id=key_id,
        issued_at=issued_at,
        expires_at=_instant(expires),
        revoked_at=None,
        updated_at=issued_at,
    )


def verify(
    keys: KeyRing,
    token: str | None,
    at: datetime,
    find: Callable[[str], TokenRecord | None] | None = None,
) -> Verdict:
    """Judge a token at the instant of the click, never at a later one.

    Args:
        keys: the ring.
        token: the text as received.
        at: instant of the click (aware).
        find: gives the registered token of an id; without it, registration and revocation are not judged.

    Returns:
        The verdict, with the first reason that holds.
    """
    if not token:
        return Verdict(Refusal.MISSING)
    if not _SPELLING.fullmatch(token):
        return Verdict(Refusal.MALFORMED)
    raw = _from_base64url(token)
    payload, code = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if payload[0] != VERSION:
        return Verdict(Refusal.UNSUPPORTED_VERSION)
    key_id = _key_id(payload[1:9])
    if key_id is None:
        return Verdict(Refusal.MALFORMED)
    if key_id not in keys:
        return Verdict(Refusal.UNKNOWN_KEY)
    if not hmac.compare_digest(keys.sign(key_id, payload), code):
        return Verdict(Refusal.BAD_SIGNATURE)
    token_id = payload[9:21].hex()
    issued_at = _instant(int.from_bytes(payload[21:26], "big"))
    expires_at = _instant(int.from_bytes(payload[26:31], "big"))
    if at < issued_at:
        return Verdict(Refusal.NOT_YET_VALID, token_id)
    if at >= expires_at:
        return Verdict(Refusal.EXPIRED, token_id)
    if find is None:
        return Verdict(None, token_id)
    record = find(token_id)
    # An id of another text is not this token: ids are looked up, signatures are not.
    if record is None or record.token != token:
        return Verdict(Refusal.NOT_REGISTERED, token_id)
    if record.revoked_at is not None and at >= record.revoked_at:
        return Verdict(Refusal.REVOKED, token_id, record)
    return Verdict(None, token_id, record)


def revoke(record: TokenRecord, at: datetime) -> TokenRecord:
    """Return the row that revokes a token from ``at`` on; an earlier revocation stays.

    Raises:
        ValueError: ``at`` is naive.
    """
    _seconds(at)
    if record.revoked_at is not None and record.revoked_at <= at:
        return record
    # The newest version wins in the feed, so a revocation that is dated back must still be the newer record.
    updated_at = max(at, record.updated_at + timedelta(microseconds=1))
    return replace(record, revoked_at=at.astimezone(UTC), updated_at=updated_at.astimezone(UTC))


def due_for_rotation(records: Iterable[TokenRecord], at: datetime) -> list[TokenRecord]:
    """Return the newest token of each link that is a day old at ``at``; one row per link.

    With the default lifetime of 48 hours the token that is replaced stays valid for another day, so that
    links already shared go on counting. A link whose newest token is revoked is not rotated: whoever
    revoked it must issue anew. Asked again after the new tokens are landed, nothing is due.
    """
    newest: dict[tuple[str, str, str | None, str | None], TokenRecord] = {}
    for record in records:
        standing = newest.get(record.link)
        if standing is None or (record.issued_at, record.token_id) > (standing.issued_at, standing.token_id):
            newest[record.link] = record
    return [
        record
        for record in newest.values()
        if at - record.issued_at >= ROTATE_AFTER and (record.revoked_at is None or record.revoked_at > at)
    ]


def rotate(
    keys: KeyRing, records: Iterable[TokenRecord], at: datetime, lifetime: timedelta = DEFAULT_LIFETIME
) -> list[TokenRecord]:
    """Sign the fresh tokens that the daily rotation owes.

    Args:
        keys: the ring.
        records: every registered token.
        at: instant of the rotation (aware).
        lifetime: validity of the new tokens.

    Returns:
        One new token per link that is due.
    """
    return [
        issue(
            keys,
            tenant_id=record.tenant_id,
            kol_id=record.kol_id,
            campaign_id=record.campaign_id,
            link_url=record.link_url,
            at=at,
            lifetime=lifetime,
        )
        for record in due_for_rotation(records, at)
    ]


def _key_id(field: bytes) -> str | None:
    """Return the key id of its 8 bytes, None when they are none: NUL only pads the end."""
    text = field.rstrip(b"\x00").decode("latin-1")
    return text if _KEY_ID.fullmatch(text) else None


def _seconds(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone; give the instant in UTC")
    return int(at.timestamp())


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _to_base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
