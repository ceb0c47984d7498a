"""The register of tokens: each issue and revocation is landed and loaded before it takes effect."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from include.feeds.landing import land
from include.feeds.load import load_file
from include.feeds.mapping import BUILT_IN
from include.settings import Settings, get_settings
from include.tracking import tokens
from include.tracking.tokens import DEFAULT_LIFETIME, KeyRing, TokenRecord, Verdict
from include.warehouse import Warehouse, connect

SOURCE = "sokol_tokens"
_COLUMNS = (
    "token_id",
    "token",
    "kol_id",
    "campaign_id",
    "link_url",
    "key_id",
    "issued_at",
    "expires_at",
    "revoked_at",
    "updated_at",
)


class UnknownTokenError(LookupError):
    """No token of this id is registered for the tenant."""


class TokenRegister:
    """The tokens of one tenant, over one connection: reads what stands, lands and loads what is new."""

    def __init__(
        self, tenant_id: str, keys: KeyRing, warehouse: Warehouse, settings: Settings | None = None
    ) -> None:
        self._tenant_id = tenant_id
        self._keys = keys
        self._warehouse = warehouse
        self._settings = settings or get_settings()

    def records(self) -> list[TokenRecord]:
        """Return every registered token of the tenant."""
        return self._read("true", [])

    def find(self, token_id: str) -> TokenRecord | None:
        """Return a registered token by its id, None when there is none."""
        found = self._read("token_id = %s", [token_id])
        return found[0] if found else None

    def issue(
        self,
        kol_id: str,
        at: datetime,
        *,
        campaign_id: str | None = None,
        link_url: str | None = None,
        lifetime: timedelta = DEFAULT_LIFETIME,
    ) -> TokenRecord:
        """Return the token of a KOL, campaign and link: the standing one while it is under a day old.

        Args:
            kol_id: who is credited.
            at: instant of the issue (aware).
            campaign_id: campaign, when there is one.
            link_url: address that the link leads to.
            lifetime: validity of a new token.
        """
        link = (self._tenant_id, kol_id, campaign_id, link_url)
        standing = [
            record
            for record in self._read("kol_id = %s and revoked_at is null", [kol_id])
            if record.link == link and timedelta(0) <= at - record.issued_at < tokens.ROTATE_AFTER
        ]
        if standing:
            return max(standing, key=lambda record: (record.issued_at, record.token_id))
        fresh = tokens.issue(
            self._keys,
            tenant_id=self._tenant_id,
            kol_id=kol_id,
            campaign_id=campaign_id,
            link_url=link_url,
            at=at,
            lifetime=lifetime,
        )
        self._land([fresh], "issue", at)
        return fresh

    def revoke(self, token_id: str, at: datetime) -> TokenRecord:
        """Revoke a token from an instant on; an earlier revocation stays.

        Raises:
            UnknownTokenError: the tenant has no such token.
        """
        record = self.find(token_id)
        if record is None:
            raise UnknownTokenError(
                f"tenant {self._tenant_id} has no token {token_id}; see raw.tracking_tokens"
            )
        revoked = tokens.revoke(record, at)
        if revoked != record:
            self._land([revoked], "revoke", at)
        return revoked

    def rotate(self, at: datetime, lifetime: timedelta = DEFAULT_LIFETIME) -> list[TokenRecord]:
        """Issue a fresh token for each link whose newest is a day old; done again, there is nothing to do."""
        fresh = tokens.rotate(self._keys, self.records(), at, lifetime)
        if fresh:
            self._land(fresh, "rotate", at)
        return fresh

    def verify(self, token: str | None, at: datetime) -> Verdict:
        """Judge a token at the instant of its click, registration and revocation included."""
        return tokens.verify(self._keys, token, at, self.find)

    def _read(self, condition: str, values: Sequence[object]) -> list[TokenRecord]:
        rows = self._warehouse.rows(
            f"""
            select {", ".join(_COLUMNS)} from raw.tracking_tokens
            where tenant_id = %s and not _deleted and {condition} order by issued_at, token_id
            """,
            [self._tenant_id, *values],
        )
        return [TokenRecord(self._tenant_id, *row) for row in rows]

    def _land(self, records: Iterable[TokenRecord], what: str, at: datetime) -> None:
        """Land the rows as a file of their day, then load them: a replay repeats what was decided."""
        rows = [{column: _text(getattr(record, column)) for column in _COLUMNS} for record in records]
        content = "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows)
        day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        landed = land(
            content.encode(),
            tenant_id=self._tenant_id,
            source=SOURCE,
            name=f"{what}-{rows[0]['token_id']}.jsonl",
            interval_start=day,
            interval_end=day + timedelta(days=1),
            feeds={"tracking_tokens": BUILT_IN},
            file_format="jsonl",
            settings=self._settings,
        )
        result = load_file(self._warehouse, landed, "tracking_tokens", settings=self._settings)
        if result.rows_quarantined:
            reason = self._warehouse.value(
                "select reason from ops.quarantine where load_id = %s", [result.load_id]
            )
            raise ValueError(f"token of tenant {self._tenant_id} was not registered: {reason}")


@contextmanager
def open_register(tenant_id: str, settings: Settings | None = None) -> Iterator[TokenRegister]:
    """Open a tenant's register with the keys of the environment.

    Raises:
        ValueError: SOKOL_TOKEN_KEYS is not set or cannot be used.
    """
    settings = settings or get_settings()
    keys = KeyRing.parse(settings.token_keys.get_secret_value())
    with connect("loader", settings) as warehouse:
        yield TokenRegister(tenant_id, keys, warehouse, settings)


def _text(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
