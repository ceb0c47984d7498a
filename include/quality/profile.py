"""A profile of each load: what is missing, how values are distributed and which lie far out, per column."""

from collections.abc import Mapping

from include.warehouse import Column, Contract, Warehouse

SAMPLE_ROWS = 50_000
"""Quantiles of a larger load are those of about so many of its rows, evenly spaced."""
SHARES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
"""The quantiles that are kept; the first and last are the extremes of the sample."""
FAR = 3
"""An outlier lies more than so many interquartile ranges beyond a quartile (far out in Tukey 1977)."""

_FIRST_QUARTILE, _THIRD_QUARTILE = SHARES.index(0.25) + 1, SHARES.index(0.75) + 1


def profile_loads(warehouse: Warehouse, contracts: Mapping[str, Contract]) -> int:
    """Profile every load that has no profile yet, by one statement per feed.

    A profile tells of the rows that stand by the load when it is made. Of numbers, days and instants it has
    the quantiles, of free text those of its length in characters, of listed values and booleans how often
    each comes.

    Args:
        warehouse: a connection as the transformer, the gates' tables made.
        contracts: the contracts by feed.

    Returns:
        How many loads were profiled.
    """
    # A feed's loads commit in the order of their ids: the newest profile says how far profiling has come.
    waiting = warehouse.rows(
        """
        select l.feed, coalesce(p.load_id, 0), max(l.load_id), count(*)
        from ops.loads l
        left join (select feed, max(load_id) as load_id from ops.load_profiles group by feed) p using (feed)
        where l.load_id > coalesce(p.load_id, 0)
        group by l.feed, p.load_id
        """
    )
    known = [wait for wait in waiting if wait[0] in contracts]
    for feed, after, upto, _ in known:
        warehouse.execute(profile_statement(contracts[feed], after, upto))
    return sum(loads for *_, loads in known)


def profile_statement(contract: Contract, after: int, upto: int) -> str:
    """Return the insert that profiles the loads of a feed in (after, upto].

    The rows are read once for what is missing and for the quantiles of the sample, and once more, against
    those, for what lies far out.
    """
    columns = [column for column in contract.columns if column.name != "tenant_id"]
    listed = {column.name for column in columns if column.values or column.data_type == "boolean"}
    listed |= {column.name for column in columns if column.data_type == "jsonb"}
    figures, usual, far_out, lines = [], [], [], []
    for number, column in enumerate(columns):
        name = column.name
        figures.append(f"count({name}) as present_{number}")
        quantiles = outliers = low = high = values = "null"
        if name not in listed:
            measure = _measure(column)
            first, third = (f"quantiles_{number}[{at}]" for at in (_FIRST_QUARTILE, _THIRD_QUARTILE))
            usual.append(f"{first} - {FAR} * ({third} - {first}) as low_{number}")
            usual.append(f"{third} + {FAR} * ({third} - {first}) as high_{number}")
            low, high = f"u.low_{number}", f"u.high_{number}"
            figures.append(
                f"percentile_disc(array[{', '.join(map(str, SHARES))}]) within group (order by {measure}) "
                f"filter (where is_sampled) as quantiles_{number}"
            )
            far_out.append(
                f"count(*) filter (where {measure} < {low} or {measure} > {high}) as outliers_{number}"
            )
            quantiles, outliers = f"to_jsonb(f.quantiles_{number})", f"o.outliers_{number}"
        elif column.data_type != "jsonb":
            counts = ", ".join(
                f"'{value}', count(*) filter (where {name}::text = '{value}')"
                for value in (column.values or ("true", "false"))
            )
            figures.append(f"jsonb_build_object({counts}) as values_{number}")
            values = f"f.values_{number}"
        lines.append(
            f"('{name}', '{column.data_type}', f.present_{number}, {quantiles}::jsonb, {outliers}::bigint, "
            f"({low})::text, ({high})::text, {values}::jsonb)"
        )
    standing = "" if contract.keeps_first else " and not r._deleted"
    reading = (
        f"from raw.{contract.feed} r join told on told.load_id = r._load_id "
        f"where r._load_id > {after} and r._load_id <= {upto}{standing}"
    )
    names = ", ".join(f"r.{column.name}" for column in columns)
    return f"""
        insert into ops.load_profiles (
            load_id, feed, tenant_id, source, column_name, data_type, rows, missing, sampled, quantiles,
            outliers, lowest_usual, highest_usual, value_counts
        )
        with told as (
            select load_id, feed, tenant_id, source,
                greatest(ceil(rows_loaded / {SAMPLE_ROWS}.0), 1)::bigint as step
            from ops.loads
            where feed = '{contract.feed}' and load_id > {after} and load_id <= {upto}
        ),
        f as materialized (
            select _load_id, count(*) as rows, count(*) filter (where is_sampled) as sampled,
                {", ".join(figures)}
            from (select r._load_id, r._row % told.step = 0 as is_sampled, {names} {reading}) as new
            group by _load_id
        ),
        u as materialized (select {", ".join(["_load_id", *usual])} from f),
        o as (
            select new._load_id, {", ".join(far_out)}
            from (select r._load_id, {names} {reading}) as new join u using (_load_id)
            group by new._load_id
        )
        select told.load_id, told.feed, told.tenant_id, told.source, v.column_name, v.data_type,
            coalesce(f.rows, 0), coalesce(f.rows - v.present, 0), coalesce(f.sampled, 0),
            v.quantiles, v.outliers, v.low, v.high, v.counts
        from told
        left join f on f._load_id = told.load_id
        left join u on u._load_id = told.load_id
        left join o on o._load_id = told.load_id
        cross join lateral (values {", ".join(lines)}) as v (
            column_name, data_type, present, quantiles, outliers, low, high, counts
        )
        on conflict do nothing
    """


def _measure(column: Column) -> str:
    """Return what of a column is put in order: its value, or a text's length."""
    if column.data_type == "text":
        return f"length({column.name})"
    if column.data_type in ("bigint", "integer"):
        return f"{column.name}::numeric"
    return column.name
