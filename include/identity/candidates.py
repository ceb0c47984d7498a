"""Which records are compared at all: those that share a block key that not too many share."""

from collections.abc import Sequence

import duckdb

from include.identity.evidence import part_expression

BLOCK_LIMIT = 100
"""Records that may share a block key; a key that more share tells nothing and is not used."""


def _key(kind: Sequence[str]) -> tuple[str, str]:
    """Return the expression of a block key's hash, and the condition that all parts of it are stated."""
    told, stated = hashed(kind)
    return f"(hash({told}) >> 1)::bigint", stated


def hashed(kind: Sequence[str]) -> tuple[str, str]:
    """Return what a block key is the hash of, as a list of expressions, and that its parts are stated."""
    parts = [f"({part_expression(part)})" for part in kind]
    return (
        f"'{'+'.join(kind)}', tenant, {', '.join(parts)}",
        " and ".join(f"{part} is not null" for part in parts),
    )


def count_pairs(connection: duckdb.DuckDBPyConnection, table: str, kind: Sequence[str], limit: float) -> int:
    """Count the pairs of records that share a key of this kind which no more than ``limit`` share."""
    key, stated = _key(kind)
    (pairs,) = connection.execute(f"""
        select coalesce(sum(n * (n - 1) // 2), 0)
        from (
            select count(*) as n from {table} where {stated}
            group by {key} having count(*) between 2 and {limit}
        )
    """).fetchall()[0]
    return int(pairs)


def keys_sql(table: str, kinds: Sequence[Sequence[str]]) -> str:
    """Return the query of a table's block keys: ``uid``, ``kind`` (its place), ``key`` (63-bit hash)."""
    keys = [_key(kind) for kind in kinds]
    nothing = f"select uid, 0 as kind, 0::bigint as key from {table} where false"
    return nothing + "".join(
        f" union all select uid, {number} as kind, {key} as key from {table} where {stated}"
        for number, (key, stated) in enumerate(keys)
    )


def keys_of_one(columns: Sequence[str], kinds: Sequence[Sequence[str]]) -> str:
    """Return the query of one record's block keys, of which the columns' values are the parameters, in order.

    The columns are ``tenant`` and the normalised ones.
    """
    told = ", ".join(f"?::varchar as {column}" for column in columns)
    keys = ", ".join(f"case when {stated} then {key} end" for key, stated in map(_key, kinds))
    return f"select unnest(list_filter([{keys}]::bigint[], lambda key: key is not null)) from (select {told})"


def find_pairs(
    connection: duckdb.DuckDBPyConnection, table: str, kinds: Sequence[Sequence[str]], target: str
) -> None:
    """Create the table ``target`` of candidate pairs among a table's records.

    A pair is ``uid_l`` below ``uid_r``, and ``kinds``, the kinds of keys that they share as bits.
    """
    connection.execute(f"create or replace temporary table _keys as {keys_sql(table, kinds)}")
    connection.execute(f"""
        create or replace table {target} as
        with blocks as (
            select kind, key, list(uid order by uid) as uids
            from _keys group by kind, key having count(*) between 2 and {BLOCK_LIMIT}
        ),
        firsts as (
            select kind, uids, unnest(generate_series(1, len(uids) - 1)) as place from blocks
        ),
        paired as (
            select kind, uids[place] as uid_l, unnest(uids[place + 1:]) as uid_r from firsts
        )
        select uid_l, uid_r, bit_or(1::bigint << kind) as kinds from paired group by uid_l, uid_r
    """)
    connection.execute("drop table _keys")
