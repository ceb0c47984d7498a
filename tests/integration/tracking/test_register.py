"""The register of tokens: landed before it counts, and the same after a replay."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pydantic import SecretStr

from include.feeds.landing import manifests
from include.settings import Settings
from include.tracking.registry import SOURCE, TokenRegister, UnknownTokenError, open_register
from include.tracking.tokens import Refusal
from include.warehouse import Warehouse, connect

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def settings(warehouse_settings: Settings) -> Settings:
    return warehouse_settings.model_copy(update={"token_keys": SecretStr(f"k1:{'x' * 43}")})


@pytest.fixture
def register(settings: Settings) -> Iterator[TokenRegister]:
    with open_register(f"t{uuid4().hex[:12]}", settings) as opened:
        yield opened


@pytest.fixture
def warehouse(settings: Settings) -> Iterator[Warehouse]:
    with connect("loader", settings) as opened:
        yield opened


def test_an_issued_token_counts_and_is_one_per_link(register: TokenRegister) -> None:
    first = register.issue("kol-1", NOON, campaign_id="spring")
    assert register.verify(first.token, NOON + HOUR).accepted
    assert register.issue("kol-1", NOON + HOUR, campaign_id="spring") == first
    assert register.issue("kol-1", NOON + HOUR, campaign_id="summer") != first
    assert register.issue("kol-2", NOON + HOUR, campaign_id="spring") != first


def test_a_revocation_counts_from_its_instant(register: TokenRegister) -> None:
    token = register.issue("kol-1", NOON)
    register.revoke(token.token_id, NOON + HOUR)
    assert register.verify(token.token, NOON + HOUR - timedelta(seconds=1)).accepted
    assert register.verify(token.token, NOON + HOUR).refusal is Refusal.REVOKED
    assert register.revoke(token.token_id, NOON + 2 * HOUR).revoked_at == NOON + HOUR
    assert register.issue("kol-1", NOON + 2 * HOUR) != token, "a revoked token is not handed out again"


def test_rotation_leaves_no_gap_and_is_done_once(register: TokenRegister) -> None:
    token = register.issue("kol-1", NOON)
    [fresh] = register.rotate(NOON + timedelta(hours=24))
    assert register.rotate(NOON + timedelta(hours=24)) == []
    assert register.verify(token.token, NOON + timedelta(hours=30)).accepted
    assert register.verify(fresh.token, NOON + timedelta(hours=50)).accepted
    assert register.verify(token.token, NOON + timedelta(hours=50)).refusal is Refusal.EXPIRED


def test_another_tenant_does_not_know_the_token(register: TokenRegister, settings: Settings) -> None:
    token = register.issue("kol-1", NOON)
    with open_register("somebody_else", settings) as other:
        assert other.verify(token.token, NOON).refusal is Refusal.NOT_REGISTERED
        with pytest.raises(UnknownTokenError, match=f"somebody_else has no token {token.token_id}"):
            other.revoke(token.token_id, NOON)


def test_what_was_decided_stands_in_the_landing_zone_first(
    register: TokenRegister, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between landing and load loses nothing: the next load of what is landed brings the token."""
    from include.feeds.load import load_pending
    from include.tracking import registry

    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(registry, "load_file", crash)
        with pytest.raises(RuntimeError, match="killed"):
            register.issue("kol-1", NOON)
    assert register.records() == [], "it takes effect only once it is loaded"
    tenant = register._tenant_id
    assert len(list(manifests(settings, f"{tenant}/{SOURCE}"))) == 1
    with connect("loader", settings) as warehouse:
        load_pending(warehouse, settings=settings, tenant_id=tenant, source=SOURCE)
    [record] = register.records()
    assert register.verify(record.token, NOON).accepted
