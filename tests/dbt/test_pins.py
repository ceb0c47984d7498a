"""A load that commits during a build changes nothing in it: staging shows the rows as of the build's pins."""

from typing import Any

from include.settings import Settings
from include.warehouse import Warehouse, connect
from tests.dbt import scenario
from tests.oracle import made

O1 = "where tenant_id = 'acme' and source = 'shop' and order_id = 'o1'"


def staged(warehouse: Warehouse) -> dict[str, Any]:
    """Return row count and content hash of every staging view."""
    views = [
        row[0] for row in warehouse.rows("select viewname::text from pg_views where schemaname = 'staging'")
    ]
    assert len(views) > 15
    sums = "select count(*), md5(string_agg(v::text, '' order by v::text)) from staging.{} as v"
    return {view: warehouse.rows(sums.format(view))[0] for view in views}


def test_staging_keeps_the_images_of_the_pins(shops: Settings) -> None:
    with connect("transformer", shops) as warehouse:
        before = staged(warehouse)
        pin = warehouse.value("select load_id from ops.pins where feed = 'orders'")
    late = {
        "orders": [
            made.order("o1", "2026-03-02T05:00:00Z", "1.00", updated_at="2026-04-11T00:00:00Z"),
            made.order("o99", "2026-04-11T05:00:00Z", "5.00"),
            {
                **made.order("o4", "2026-03-10T07:00:00Z", "45.00", updated_at="2026-04-11T00:00:00Z"),
                "_deleted": True,
            },
        ],
        "refunds": [
            made.refund("r1", "o1", "2026-03-05T05:00:00Z", "1.00", updated_at="2026-04-11T00:00:00Z")
        ],
        "clicks": [made.click("k99", "2026-04-11T03:00:00Z", "t1")],
        "ad_spend": [made.spend("2026-03-10", "99")],
    }
    scenario.load(shops, late, scenario.END, scenario.NEXT_END)
    with connect("transformer", shops) as warehouse:
        assert warehouse.value(f"select gross_amount from raw.orders {O1}") == 1
        assert warehouse.value(f"select _load_id from raw.orders {O1}") > pin
        assert warehouse.value(f"select gross_amount from staging.stg_orders {O1}") == 110
        assert staged(warehouse) == before


def test_the_next_pins_show_what_came(shops: Settings) -> None:
    """What the test above holds equal does move with the pin."""
    with connect("transformer", shops) as warehouse:
        try:
            with warehouse.transaction():
                warehouse.execute("update ops.pins set load_id = (select max(load_id) from ops.loads)")
                assert warehouse.value(f"select gross_amount from staging.stg_orders {O1}") == 1
                gone = "select count(*) from staging.stg_orders where order_id in ('o4', 'o99')"
                assert warehouse.value(gone) == 1
                raise KeyError
        except KeyError:
            assert warehouse.value(f"select gross_amount from staging.stg_orders {O1}") == 110
