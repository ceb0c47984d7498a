"""The simulated world's feeds as clean current rows: what a faultless landing and load would leave."""

import duckdb
import pyarrow as pa
import yaml

from include.demo.world import World
from tests.oracle.rows import CONTRACTS, FEEDS, contract


def current_feeds(world: World) -> dict[str, pa.Table]:
    """Return the winning version of every record, by the rule of its feed's kind.

    Events: the first by event time. Entities: the newest by (version, state, availability). Slices: the rows
    of the latest pull.
    """
    return {feed: current(world.feed(feed), feed) for feed in FEEDS if feed in world.feeds}


def current(versions: pa.Table, feed: str) -> pa.Table:
    """Return the current rows of ``feed`` in contract columns."""
    text = (CONTRACTS / feed / f"{feed}.yml").read_text(encoding="utf-8")
    meta = yaml.safe_load(text)["sources"][0]["tables"][0]["config"]["meta"]
    key = ", ".join(meta["key"])
    columns = ", ".join(contract(feed).types)
    if meta["kind"] == "event":
        rank = f"row_number() over (partition by {key} order by {meta['event_time']}) = 1"
    elif meta["kind"] == "slice":
        day = ", ".join(meta["slice"])
        rank = f"_available_at = max(_available_at) over (partition by {day})"
    else:
        order = [f"{meta['version']} desc"] if "version" in meta else []
        if "state" in meta:
            order.append(f"list_position({meta['state']['order']!r}, {meta['state']['column']}) desc")
        order.append("_available_at desc")
        rank = f"row_number() over (partition by {key} order by {', '.join(order)}) = 1"
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.register("versions", versions)
    return connection.sql(f"select {columns} from versions qualify {rank}").to_arrow_table()
