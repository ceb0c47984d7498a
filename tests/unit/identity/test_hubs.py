"""A value that many different persons state is nobody's own; what a family shares stays."""

import duckdb
import pyarrow as pa

from include.identity.evidence import STANDARD
from include.identity.hubs import find_hubs, suppress
from include.identity.normalise import define_macros, normalise

SHOP = "0901111222"
FAMILY = "0903333444"


def hubs_of(
    rows: list[dict[str, str | None]],
) -> tuple[dict[tuple[str, str], int], list[dict[str, str | None]], int]:
    """Hub values with their persons, the records that are left, and how many statements were taken out."""
    names = sorted({name for row in rows for name in row})
    table = pa.table(
        {
            "record_id": [f"{number:06}" for number in range(len(rows))],
            **{name: pa.array([row.get(name) for row in rows], pa.string()) for name in names},
        }
    )
    with duckdb.connect() as connection:
        connection.register("given_rows", table)
        define_macros(connection)
        normalise(connection, "given_rows", "records", names, country="VN")
        find_hubs(connection, "records", STANDARD, "hubs")
        found = connection.sql("select column_name, value, persons from hubs").fetchall()
        taken = suppress(connection, "records", STANDARD, "hubs")
        left = connection.sql("select * from records order by uid").to_arrow_table().to_pylist()
    return {(column, value): persons for column, value, persons in found}, left, taken


def customers(count: int, phone: str, **more: str) -> list[dict[str, str | None]]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return [
        {
            "first_name": letters[n % 26] + letters[n // 26 % 26] + "an",
            "last_name": "Tran",
            "phone": phone,
            **more,
        }
        for n in range(count)
    ]


def test_the_stores_number_is_taken_out_and_a_familys_is_not() -> None:
    found, left, taken = hubs_of([*customers(500, SHOP), *customers(5, FAMILY)])
    assert set(found) == {("phone", "+84901111222")}
    assert found["phone", "+84901111222"] > 400
    assert taken == 500
    assert [row["phone"] for row in left] == [None] * 500 + ["+84903333444"] * 5


def test_one_persons_many_orders_make_no_hub() -> None:
    found, left, taken = hubs_of([{"first_name": "An", "phone": FAMILY} for _ in range(200)])
    assert (found, taken) == ({}, 0)
    assert {row["phone"] for row in left} == {"+84903333444"}


def test_without_names_records_are_counted() -> None:
    found, _, taken = hubs_of([{"phone": SHOP} for _ in range(40)])
    assert (set(found), taken) == ({("phone", "+84901111222")}, 40)


def test_a_shared_mailbox_loses_its_local_part_too() -> None:
    _, left, taken = hubs_of([dict(row, email="shop@store.vn") for row in customers(50, FAMILY)])
    assert taken == 100
    assert {(row["email"], row["email_local"]) for row in left} == {(None, None)}


def test_a_hub_of_one_tenant_is_none_of_anothers() -> None:
    rows = [*customers(50, SHOP, tenant_id="one"), *customers(2, SHOP, tenant_id="two")]
    _, left, taken = hubs_of(rows)
    assert taken == 50
    assert [row["phone"] for row in left if row["tenant"] == "two"] == ["+84901111222"] * 2
