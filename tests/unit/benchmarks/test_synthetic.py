"""Made-up persons are the same by seed, and are as difficult as is said."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from benchmarks.clusters import labels
from benchmarks.synthetic import synthetic

COUNT = 30_000


@pytest.fixture(scope="module")
def records() -> pa.Table:
    return synthetic(COUNT, 5)


def test_the_seed_decides_all(records: pa.Table) -> None:
    assert synthetic(COUNT, 5).equals(records)
    assert not synthetic(COUNT, 6).equals(records)


def test_ids_are_unique_and_all_is_text(records: pa.Table) -> None:
    assert pc.count_distinct(records["record_id"]).as_py() == len(records) == COUNT
    assert {field.type for field in records.schema} == {pa.string()}
    assert records["person"].null_count == 0


def test_most_persons_have_one_record_and_none_many(records: pa.Table) -> None:
    sizes = np.bincount(labels(records["person"]))
    assert 0.68 < (sizes == 1).mean() < 0.72
    assert sizes.max() == 6


def test_persons_are_spread_over_the_table(records: pa.Table) -> None:
    person = labels(records["person"])
    assert (person[1:] == person[:-1]).mean() < 0.001


def test_names_are_skewed_and_many(records: pa.Table) -> None:
    names = pc.utf8_lower(records["last_name"].drop_null())
    assert 0.005 < np.bincount(labels(names)).max() / COUNT < 0.02
    assert pc.count_distinct(names).as_py() > 3000


def test_one_phone_is_that_of_dozens_and_one_of_nobody(records: pa.Table) -> None:
    counts = sorted(
        (each["counts"].as_py(), each["values"].as_py()) for each in pc.value_counts(records["phone"])
    )
    frequent = [phone for count, phone in counts if phone is not None and count > COUNT // 1000]
    assert "0000000000" in frequent
    assert len(frequent) == 2


def test_households_share_a_phone_but_not_the_first_name(records: pa.Table) -> None:
    digits = pc.replace_substring_regex(records["phone"], "[^0-9]", "")
    line = pc.utf8_slice_codeunits(pc.utf8_reverse(digits), 0, 9)
    persons = pa.table({"line": line, **{name: records[name] for name in ("person", "first_name")}})
    persons = persons.filter(pc.is_valid(line)).group_by("line")
    shared = persons.aggregate([("person", "count_distinct"), ("first_name", "count_distinct")])
    several = shared.filter(pc.field("person_count_distinct").isin([2, 3, 4]))
    assert len(several) > COUNT / 100
    assert pc.mean(pc.greater(several["first_name_count_distinct"], 1).cast(pa.int8())).as_py() > 0.9


def test_a_postcode_is_of_one_city(records: pa.Table) -> None:
    typed = records.select(["country", "postcode", "city"]).drop_null()
    places = pa.table(
        {**{n: typed[n] for n in ("country", "postcode")}, "city": pc.utf8_lower(typed["city"])}
    )
    cities = places.group_by(["country", "postcode", "city"]).aggregate([([], "count_all")])
    most = cities.group_by(["country", "postcode"]).aggregate([("count_all", "max"), ("count_all", "sum")])
    assert pc.sum(most["count_all_max"]).as_py() / pc.sum(most["count_all_sum"]).as_py() > 0.9


def test_every_kind_of_gap_is_there(records: pa.Table) -> None:
    for column in (
        "first_name",
        "last_name",
        "email",
        "phone",
        "birth_date",
        "street",
        "postcode",
        "loyalty_card",
    ):
        assert 0 < records[column].null_count < COUNT
    reachable = pc.or_(pc.is_valid(records["email"]), pc.is_valid(records["phone"]))
    assert pc.all(pc.or_(reachable, pc.is_valid(records["loyalty_card"]))).as_py()


def test_tenants_have_persons_of_their_own() -> None:
    records = synthetic(3000, 1, tenants=3)
    pairs = records.select(["tenant_id", "person"]).group_by(["tenant_id", "person"]).aggregate([])
    assert pc.count_distinct(pairs["tenant_id"]).as_py() == 3
    assert len(pairs) == pc.count_distinct(records["person"]).as_py()


@pytest.mark.parametrize("count", [1, 2, 50])
def test_few_records_can_be_made(count: int) -> None:
    assert len(synthetic(count, 1)) == count


def test_no_record_is_refused() -> None:
    with pytest.raises(ValueError, match="ask for at least one"):
        synthetic(0, 1)
