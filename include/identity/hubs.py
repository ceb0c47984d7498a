"""Values that are nobody's own: the store's number typed in for everyone, the shop's mailbox."""

from collections.abc import Sequence

import duckdb

from include.identity.evidence import Evidence


def find_hubs(
    connection: duckdb.DuckDBPyConnection, table: str, evidence: Sequence[Evidence], target: str
) -> None:
    """Create the table ``target`` of hub values: ``tenant``, ``column_name``, ``value``, ``persons``.

    A value is a hub when the records that state it begin with more different given names than the evidence's
    limit; where names are missing, birth dates or the records themselves are counted.
    """
    told = [
        f"""
        select tenant, '{item.column}' as column_name, {item.column} as value,
            count(distinct coalesce(substr(given, 1, 2), birth, record_id)) as persons
        from {table} where {item.column} is not null
        group by tenant, {item.column} having count(*) > {item.hub_limit} and persons > {item.hub_limit}
        """
        for item in evidence
        if item.hub_limit is not None
    ]
    empty = "select '' as tenant, '' as column_name, '' as value, 0 as persons where false"
    connection.execute(f"create or replace table {target} as " + " union all ".join([empty, *told]))


def suppress(
    connection: duckdb.DuckDBPyConnection, table: str, evidence: Sequence[Evidence], hubs: str
) -> int:
    """Take hub values out of a table of normalised records; return how many statements were taken out."""
    taken = 0
    found = connection.execute(f"select distinct column_name from {hubs}").fetchall()
    columns = {row[0] for row in found}
    for item in evidence:
        if item.column not in columns:
            continue
        cleared = f"{item.column} = null" + (", email_local = null" if item.column == "email" else "")
        (count,) = connection.execute(f"""
            update {table} as records set {cleared}
            from {hubs} as hubs
            where hubs.column_name = '{item.column}' and hubs.tenant = records.tenant
                and hubs.value = records.{item.column}
        """).fetchall()[0]
        taken += count
    return taken
