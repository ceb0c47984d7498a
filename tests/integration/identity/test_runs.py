"""Matching in the warehouse: increments equal a full run, words hold and can be undone, nothing is lost."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from include.identity import Resolver, match, override, store, withdraw
from include.identity.increment import Increment
from include.identity.overrides import UnknownOverrideError, UnknownRecordError
from include.identity.resolve import NotTrainedError, UnknownTenantError
from include.settings import Settings
from include.warehouse import connect
from tests.integration.identity.shop import COLUMNS, DAY, TENANT, bring, rows

pytestmark = pytest.mark.slow


def standing(settings: Settings) -> dict[str, str]:
    with connect("loader", settings) as warehouse:
        return dict(
            warehouse.rows("select tenant_id || '/' || record_name, customer_id from identity.records")
        )


def mapped(settings: Settings) -> dict[str, str]:
    """Customers as the marts see them: the map, or the record's own name."""
    with connect("loader", settings) as warehouse:
        told = warehouse.rows(
            "select tenant_id || '/' || identity.record_name(record_source, record_type, record_id),"
            " customer_id from identity.customer_map"
        )
    return {name: name.split("/", 1)[1] for name in standing(settings)} | dict(told)


@pytest.fixture(scope="module")
def matched(settings: Settings) -> Settings:
    result = match(settings)
    assert (result.mode, result.records) == ("full", 1_000)
    assert result.customers < 800
    return settings


def test_an_increment_and_a_full_run_agree(matched: Settings) -> None:
    bring(matched, "customers", rows(1_000, 1_200))
    before = standing(matched)
    result = match(matched)
    after = standing(matched)
    assert (result.mode, result.new_records, result.records) == ("incremental", 200, 1_200)
    moved = {name for name in before if after[name] != before[name]}
    assert len(moved) == result.moved_records < 10
    assert {after[name] for name in moved} <= set(
        before.values()
    )  # who is moved was merged into an older one
    assert mapped(matched) == after
    full = match(matched, mode="full")
    assert standing(matched) == after
    assert (full.map_rows, full.customers) == (0, result.customers)


def test_a_run_with_nothing_new_does_nothing(matched: Settings) -> None:
    match(matched)
    runs = "select count(*) from identity.runs"
    with connect("loader", matched) as warehouse:
        before = warehouse.value(runs)
        result = match(matched)
        assert (result.new_records, result.map_rows) == (0, 0)
        assert warehouse.value(runs) == before


def test_a_merge_by_word_is_explained_survives_and_is_taken_back_exactly(matched: Settings) -> None:
    match(matched)
    before = standing(matched)
    alone = [
        name.split("/", 1)[1]
        for name, customer in sorted(before.items())
        if list(before.values()).count(customer) == 1
    ]
    left, right = alone[0], alone[-1]
    override_id = override(
        TENANT, left, right, "same", reason="she called", decided_by="ann", settings=matched
    )
    result = match(matched)
    joined = standing(matched)
    assert {joined[f"{TENANT}/{name}"] for name in (left, right)} == {left}
    assert result.moved_records == 1
    changed = {name for name in joined if joined[name] != before[name]}
    assert changed == {f"{TENANT}/{right}"}
    with connect("loader", matched) as warehouse:
        logged = warehouse.rows(
            "select action, record_names, former_customer_id, decided_by from identity.merge_log"
            " where former_customer_id = %s",
            [right],
        )
    assert logged == [("merge", [right], right, f"override {override_id}")]
    match(matched, mode="full")
    assert standing(matched) == joined  # later runs respect it
    withdraw(TENANT, override_id, reason="it was her sister", decided_by="ann", settings=matched)
    match(matched)
    assert standing(matched) == before
    assert mapped(matched) == before


def test_records_kept_apart_by_word_stay_apart(matched: Settings) -> None:
    match(matched)
    before = standing(matched)
    customer = next(c for c in sorted(before.values()) if list(before.values()).count(c) == 2)
    left, right = sorted(name.split("/", 1)[1] for name, found in before.items() if found == customer)
    override_id = override(
        TENANT, left, right, "different", reason="twins", decided_by="ann", settings=matched
    )
    match(matched)
    apart = standing(matched)
    assert apart[f"{TENANT}/{left}"] != apart[f"{TENANT}/{right}"]
    match(matched, mode="full")
    assert standing(matched) == apart
    withdraw(TENANT, override_id, reason="no twins", decided_by="ann", settings=matched)
    match(matched)
    assert standing(matched) == before


def test_a_word_about_nobody_is_refused(matched: Settings) -> None:
    match(matched)
    with pytest.raises(UnknownRecordError, match="shop:nobody"):
        override(
            TENANT, "shop:nobody", "shop:r00000001", "same", reason="x", decided_by="ann", settings=matched
        )
    with pytest.raises(UnknownOverrideError, match="0123"):
        withdraw(TENANT, "0123", reason="x", decided_by="ann", settings=matched)


def test_a_changed_record_leaves_its_customer_and_comes_back(matched: Settings) -> None:
    match(matched)
    before = standing(matched)
    customer = next(c for c in sorted(before.values()) if list(before.values()).count(c) == 2)
    name = max(name for name, found in before.items() if found == customer).split("/", 1)[1]
    row = next(row for row in rows(0, 1_200) if f"shop:{row['source_customer_id']}" == name)
    later, last = (DAY + timedelta(days=n) for n in (1, 2))
    stranger = dict.fromkeys(COLUMNS) | {"first_name": "Zebulon", "last_name": "Quixote", "email": "z@q.net"}
    bring(matched, "customers", [row | stranger | {"updated_at": later.isoformat()}])
    match(matched)
    assert standing(matched)[f"{TENANT}/{name}"] == name
    bring(matched, "customers", [row | {"updated_at": last.isoformat()}])
    match(matched)
    assert standing(matched) == before


def test_a_record_that_says_nothing_any_more_leaves_its_customer(matched: Settings) -> None:
    match(matched)
    before = standing(matched)
    name, row = joined(before, 1)
    bring(matched, "customers", [row | dict.fromkeys(COLUMNS) | {"updated_at": at(3)}])
    match(matched)
    assert standing(matched)[f"{TENANT}/{name}"] == name
    assert mapped(matched) == standing(matched)
    told = standing(matched)
    match(matched, mode="full")
    assert standing(matched) == told
    bring(matched, "customers", [row | {"updated_at": at(4)}])
    match(matched)
    assert standing(matched) == before


def test_a_record_that_was_away_is_mapped_as_what_it_is_now(matched: Settings) -> None:
    match(matched)
    before = standing(matched)
    name, row = joined(before, 3)
    override_id = override(
        TENANT, name, "shop:r00000001", "same", reason="one desk", decided_by="ann", settings=matched
    )
    match(matched)
    bring(matched, "customers", [row | {"updated_at": at(5), "_deleted": True}])
    match(matched)
    gone = standing(matched)
    assert f"{TENANT}/{name}" not in gone
    assert gone == {key: customer for key, customer in before.items() if key != f"{TENANT}/{name}"}
    stranger = {"first_name": "Quirina", "last_name": "Zyx", "email": "q@zyx.net"}
    bring(matched, "customers", [row | dict.fromkeys(COLUMNS) | stranger | {"updated_at": at(6)}])
    withdraw(TENANT, override_id, reason="no", decided_by="ann", settings=matched)
    match(matched)
    assert standing(matched)[f"{TENANT}/{name}"] == name
    assert mapped(matched) == standing(matched)
    bring(matched, "customers", [row | {"updated_at": at(7)}])
    match(matched)
    assert standing(matched) == before


def joined(customers: Mapping[str, str], place: int) -> tuple[str, dict[str, Any]]:
    """Return the younger record of one of the customers of two records, and its row."""
    pairs = [c for c in sorted(set(customers.values())) if list(customers.values()).count(c) == 2]
    members = [name for name, found in customers.items() if found == pairs[place]]
    name = next(name.split("/", 1)[1] for name in members if not name.endswith(f"/{pairs[place]}"))
    return name, next(row for row in rows(0, 1_200) if f"shop:{row['source_customer_id']}" == name)


def at(days: int) -> str:
    return (DAY + timedelta(days=days)).isoformat()


def test_a_run_that_is_killed_after_landing_is_made_good(
    matched: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    match(matched)
    twin = next(row for row in rows(0, 1_000) if row["email"] and row["birth_date"])
    bring(matched, "customers", [twin | {"source_customer_id": "again"}])

    def killed(_run: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Increment, "_rewrite", killed)
        with pytest.raises(KeyboardInterrupt):
            match(matched)
    assert f"{TENANT}/shop:again" not in standing(matched)
    match(matched)
    after = standing(matched)
    assert after[f"{TENANT}/shop:again"] == after[f"{TENANT}/shop:{twin['source_customer_id']}"]
    assert mapped(matched) == after


def test_who_is_known_is_found_at_once_and_the_night_confirms_it(matched: Settings) -> None:
    match(matched)
    known = next(row for row in rows(0, 1_000) if row["email"] and row["phone"])
    with connect("loader", matched) as warehouse:
        resolver = Resolver(warehouse)
        said = {"first_name": known["first_name"], "last_name": known["last_name"], "email": known["email"]}
        found = resolver.resolve(TENANT, said, name="shop:soon")
        assert found.customer_id == standing(matched)[f"{TENANT}/shop:{known['source_customer_id']}"]
        assert found.evidence[0].parts["email"] > 5
        assert (
            resolver.resolve(TENANT, {"email": "who@where.net", "full_name": "Nob Ody"}).customer_id is None
        )
        with pytest.raises(UnknownTenantError, match="acme"):
            resolver.resolve("emca", said)
        with pytest.raises(ValueError, match="shoe_size"):
            resolver.resolve(TENANT, {"shoe_size": "43"})
        bring(matched, "customers", [known | {"source_customer_id": "soon"}])
        match(matched)
        answers = (
            "select customer_id = nightly_customer_id from identity.resolutions"
            " where record_name = 'shop:soon'"
        )
        assert warehouse.rows(answers) == [(True,)]


def test_keys_that_a_crash_of_the_server_emptied_are_made_anew(matched: Settings) -> None:
    before = standing(matched)
    with connect("loader", matched) as warehouse:
        keys = warehouse.value("select count(*) from identity.block_keys")
        warehouse.execute("truncate identity.block_keys")
        with pytest.raises(NotTrainedError, match="match` first"):
            Resolver(warehouse)
    assert match(matched).mode == "full"
    with connect("loader", matched) as warehouse:
        assert warehouse.value("select count(*) from identity.block_keys") == keys > 1_000
    assert standing(matched) == before


def test_a_new_model_is_pinned_and_comes_to_its_own_version(matched: Settings) -> None:
    match(matched)
    with connect("loader", matched) as warehouse:
        first = store.active_model(warehouse)
        match(matched, retrain=True)
        second = store.active_model(warehouse)
        assert first is not None
        assert second is not None
        assert second.version != first.version, "the records have become others since the first training"
        assert match(matched, mode="full").model_version == second.version
        assert warehouse.value("select count(*) from identity.models where is_active") == 1
