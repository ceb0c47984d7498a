"""Every mapping gives back what its system's export was written from, value by value."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from include.demo.exports import FILES, Exported, export
from tests.exports.made import END, FIRST, made_world
from tests.exports.read_back import Back, as_rows, compared, read_back

INTERVAL = (FIRST, END)
PAIRS = [(file.system, file.name, feed) for file in FILES for feed in file.feeds]
DEFECTS = [
    # A mapping with this one slip must not pass.
    ("vnpay", "payments", "cast(0.01 as decimal(3, 2))", "cast(1 as decimal(3, 2))"),
    ("vnpay", "payments", "+07:00", "Z"),
    ("stripe", "payments", "'VND', ", ""),
    (
        "stripe",
        "payments",
        "upper(record ->> '$.data.object.currency')",
        "record ->> '$.data.object.currency'",
    ),
    ("momo", "payments", "make_timestamp_ms", "make_timestamp"),
    ("google_ads", "ad_spend", "0.000001", "0.000010"),
    ("meta_ads", "ad_spend", "'omni_purchase'", "'link_click'"),
    ("tiktok_ads", "ad_spend", "record ->> '$.metrics.spend'", "record ->> '$.metrics.clicks'"),
    ("shopify", "orders", "shop_money.amount' as gross", "presentment_money.amount' as gross"),
    ("shopify", "orders", "regexp_extract(record ->> 'landing_site', '[?&]sk=([^&#]+)', 1)", "''"),
    ("shopify", "orders", "t ->> 'processed_at' as timestamptz", "record ->> 'created_at' as timestamptz"),
    ("shopify", "order_items", "coalesce(line ->> '$.total_discount_set.shop_money.amount', '0')", "'0'"),
    ("shopify", "refunds", "'failure' then 'failed'", "'failure' then 'succeeded'"),
    ("woocommerce", "orders", "record ->> 'date_created_gmt' || 'Z'", "record ->> 'date_created' || 'Z'"),
    ("woocommerce", "orders", "coalesce(noted_cancellation, record", "coalesce(record"),
    ("woocommerce", "order_items", "+ try_cast(coalesce(line ->> 'total_tax', '0') as decimal(20, 4))", ""),
    (
        "woocommerce",
        "refunds",
        "record ->> 'amount' as amount",
        "record ->> '$.line_items[0].total' as amount",
    ),
    ("tiktok_shop", "orders", "record ->> '$.affiliate.creator_username'", "null"),
    ("tiktok_shop", "remittances", "-try_cast(record", "try_cast(record"),
    (
        "kiotviet",
        "pos_sales",
        "record ->> 'purchaseDate', 26), getvariable('time_zone')",
        "record ->> 'purchaseDate', 26), 'UTC'",
    ),
    ("square", "pos_sales", "'JPY', ", ""),
    ("square", "pos_sales", "if(is_return, record -> 'return_amounts', record)", "record"),
    ("square", "pos_sale_lines", "try_cast(record -> '$.returns[0].return_line_items' as json[])", "null"),
    ("bank", "bank_lines", "'%d/%m/%Y'", "'%m/%d/%Y'"),
    ("bank", "bank_lines", "- try_cast(replace(money_out", "+ try_cast(replace(money_out"),
    (
        "courier",
        "remittances",
        "replace(replace(cod_amount, '.', ''), ',', '.')",
        "replace(cod_amount, ',', '')",
    ),
    ("courier", "remittances", "split_part(merchant_ref, '/', 1)", "'shopify'"),
    ("crm", "kol_contracts", "cast(0.01 as decimal(3, 2))", "cast(1 as decimal(3, 2))"),
    ("tracking", "clicks", "split_part(url, '?', 1)", "url"),
    ("tracking", "clicks", "nullif(purpose, '') is not null", "false"),
]


Reader = Callable[..., list[tuple[Exported, Back]]]


@cache
def made(feed: str) -> list[dict[str, object]]:
    """Rows of the made world."""
    return as_rows(made_world().feed(feed))


@pytest.fixture(scope="module")
def zones() -> dict[str, str]:
    """Give the tenants' zones."""
    return {tenant.tenant_id: tenant.zone for tenant in made_world().tenants}


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory, zones: dict[str, str]) -> Reader:
    """Give a reader of all made files of a system that fill a feed."""
    out, home = tmp_path_factory.mktemp("exports"), tmp_path_factory.mktemp("home")
    exported, _ = export(made_world(), out, [INTERVAL], dirt=False)

    def reader(
        system: str, feed: str, name: str | None = None, change: tuple[str, str] | None = None
    ) -> list[tuple[Exported, Back]]:
        return [
            (one, read_back(one, feed, zones[one.tenant_id], home, change))
            for one in exported
            if one.file.system == system
            and feed in one.file.feeds
            and name in (None, one.file.name)
            and (change is None or change[0] in one.file.mapping(feed).read_text(encoding="utf-8"))
        ]

    return reader


def _written(one: Exported, feed: str) -> list[dict[str, object]]:
    """Rows that a file was written from."""
    rows = made(feed)
    rows = [row for row in rows if (row["tenant_id"], row["_system"]) == (one.tenant_id, one.file.system)]
    if one.file.system == "kiotviet" and feed.startswith("pos_"):
        kind = {"invoices": "sale", "returns": "return"}[one.file.name]
        sales = {row["sale_id"]: row["sale_type"] for row in made("pos_sales")}
        rows = [row for row in rows if sales[row["sale_id"]] == kind]
    return rows


def _same(read: Reader, system: str, feed: str, **given: object) -> bool:
    pairs = read(system, feed, **given)
    assert pairs, f"no file of {system} was written for {feed}"
    return all(
        back.refused == 0 and compared(back.rows, feed) == compared(_written(one, feed), feed)
        for one, back in pairs
    )


@pytest.mark.parametrize(("system", "name", "feed"), PAIRS)
def test_a_mapping_gives_back_what_was_exported(read: Reader, system: str, name: str, feed: str) -> None:
    for one, back in read(system, feed, name):
        assert back.reasons == []
        written = _written(one, feed)
        assert written
        assert compared(back.rows, feed) == compared(written, feed)


@pytest.mark.parametrize(("system", "feed", "right", "wrong"), DEFECTS)
def test_a_slip_in_a_mapping_is_noticed(read: Reader, system: str, feed: str, right: str, wrong: str) -> None:
    assert not _same(read, system, feed, change=(right, wrong))


def test_a_line_changes_when_its_order_does(read: Reader) -> None:
    [(_, back)] = [pair for pair in read("shopify", "order_items") if pair[0].tenant_id == "boston"]
    orders = {row["order_id"]: row["updated_at"] for row in made("orders")}
    assert {row["updated_at"] == orders[row["order_id"]] for row in back.rows} == {True}


@pytest.mark.parametrize(
    ("system", "feed", "kept"),
    [
        ("shopify", "orders", '"source_name":"web"'),
        ("vnpay", "payments", '"vnp_BankCode":"NCB"'),
        ("momo", "payments", '"partnerCode":"MOMOSHOP"'),
        ("stripe", "payments", '"type":"charge.succeeded"'),
    ],
)
def test_what_a_contract_does_not_know_is_kept(read: Reader, system: str, feed: str, kept: str) -> None:
    for _, back in read(system, feed):
        assert any(kept in row["_extra"].replace(" ", "").replace("\\", "") for row in back.rows)


def test_every_system_has_a_home_for_its_mappings() -> None:
    mappings = {file.mapping(feed) for file in FILES for feed in file.feeds}
    for mapping in mappings:
        assert mapping.is_file()
        assert mapping.read_text(encoding="utf-8").startswith("-- "), f"{mapping} does not tell its traps"
    systems = {file.system for file in FILES}
    strays = {
        place
        for system in systems
        for place in (mappings_folder(system)).glob("*.sql")
        if place not in mappings
    }
    assert strays == set()


def mappings_folder(system: str) -> Path:
    """Folder of a system's mappings."""
    return (
        next(file for file in FILES if file.system == system)
        .mapping(next(iter(next(file for file in FILES if file.system == system).feeds)))
        .parent
    )
