"""The same records are the same customers however they come in; what cannot be matched is refused by name."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.clusters import agreement, labels
from benchmarks.synthetic import synthetic
from include.identity import Matching, match_records
from include.identity.model import Model

RECORDS = 600


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return synthetic(RECORDS, seed=5)


@pytest.fixture(scope="module")
def model() -> Model:
    return match_records(synthetic(3_000, seed=4).drop(["person"]), threads=1).model


@pytest.fixture(scope="module")
def matching(table: pa.Table, model: Model) -> Matching:
    return match_records(table.drop(["person"]), model=model, threads=1)


def partition(matching: Matching, names: dict[str, str] | None = None) -> set[frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for record, customer in zip(*(column.to_pylist() for column in matching.clusters.columns), strict=True):
        groups.setdefault(customer, set()).add(names[record] if names else record)
    return {frozenset(group) for group in groups.values()}


def test_records_are_matched_well(table: pa.Table, matching: Matching) -> None:
    person = dict(zip(table["record_id"].to_pylist(), table["person"].to_pylist(), strict=True))
    truth = pa.chunked_array([[person[record] for record in matching.clusters["record_id"].to_pylist()]])
    told = agreement(labels(matching.clusters["customer_id"]), labels(truth))
    assert told.pair_precision > 0.97
    assert told.pair_recall > 0.9


def test_every_record_has_one_customer_named_by_its_first_record(table: pa.Table, matching: Matching) -> None:
    assert sorted(matching.clusters["record_id"].to_pylist()) == sorted(table["record_id"].to_pylist())
    first: dict[str, str] = {}
    for record, customer in zip(*(column.to_pylist() for column in matching.clusters.columns), strict=True):
        first[customer] = min(first.get(customer, record), record)
    assert all(customer == record for customer, record in first.items())


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6))
def test_the_order_of_arrival_does_not_matter(
    table: pa.Table, model: Model, matching: Matching, seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(RECORDS)
    again = match_records(table.drop(["person"]).take(pa.array(order)), model=model, threads=1)
    assert partition(again) == partition(matching)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6))
def test_the_names_of_the_records_do_not_matter(
    table: pa.Table, model: Model, matching: Matching, seed: int
) -> None:
    numbers = np.random.default_rng(seed).permutation(RECORDS)
    renamed = [f"n{number:05}" for number in numbers]
    names = dict(zip(renamed, table["record_id"].to_pylist(), strict=True))
    told = table.drop(["person"]).set_column(
        table.column_names.index("record_id"), "record_id", pa.array(renamed)
    )
    assert partition(match_records(told, model=model, threads=1), names) == partition(matching)


def test_threads_do_not_matter(table: pa.Table, model: Model, matching: Matching) -> None:
    assert partition(match_records(table.drop(["person"]), model=model, threads=2)) == partition(matching)


def test_refused_links_are_of_two_customers(matching: Matching) -> None:
    customer = dict(zip(*(column.to_pylist() for column in matching.clusters.columns), strict=True))
    for left, right, weight in zip(*(column.to_pylist() for column in matching.refused.columns), strict=True):
        assert customer[left] != customer[right]
        assert weight >= matching.model.link_weight


def test_tenants_are_never_mixed(table: pa.Table, model: Model) -> None:
    told = table.drop(["person", "tenant_id"])
    names = told["record_id"].to_pylist()
    twice = pa.concat_tables(
        [
            told.set_column(
                told.column_names.index("record_id"), "record_id", pa.array(renamed)
            ).append_column("tenant_id", pa.array([tenant] * RECORDS))
            for tenant, renamed in (("one", names), ("two", [f"{name}'" for name in names]))
        ]
    )
    groups = partition(match_records(twice, model=model, threads=1))
    assert all(len({record.endswith("'") for record in group}) == 1 for group in groups)


@pytest.mark.parametrize(
    ("records", "extra", "message"),
    [
        ({"email": ["a@b.vn"]}, (), "no column record_id"),
        ({"record_id": ["1"], "email": ["a@b.vn"]}, ("occupation",), "no columns \\['occupation'\\]"),
        ({"record_id": ["1"], "colour": ["red"]}, (), "none of the columns that can be compared"),
        ({"record_id": ["1", "1"], "email": ["a@b.vn", "c@d.vn"]}, (), "record_id must be"),
        ({"record_id": ["1", None], "email": ["a@b.vn", "c@d.vn"]}, (), "record_id must be"),
    ],
)
def test_what_cannot_be_matched_is_said(
    records: dict[str, list[str | None]], extra: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        match_records(pa.table(records), extra)


NOTHING = [
    (pa.table({"record_id": ["1"], "email": ["an@shop.vn"]}), 1),
    (pa.table({"record_id": ["1", "2"], "email": pa.array([None, None], pa.string())}), 2),
    (pa.table({"record_id": ["1", "2"], "email": ["an@shop.vn", "an@shop.vn"]}), 1),
    (pa.table({"record_id": pa.array([], pa.string()), "email": pa.array([], pa.string())}), 0),
]


@pytest.mark.parametrize("records", [records for records, _ in NOTHING])
def test_nothing_can_be_learnt_where_nothing_differs(records: pa.Table) -> None:
    with pytest.raises(ValueError, match="nothing to compare"):
        match_records(records)


@pytest.mark.parametrize(("records", "customers"), NOTHING)
def test_a_model_matches_however_few_records(records: pa.Table, customers: int, model: Model) -> None:
    assert len(partition(match_records(records, model=model, threads=1))) == customers
