"""Merging a load's rows into ``raw``: who wins, what is restated, and where new rows are put.

Everything here runs in the load's transaction, under the feed's lock. The winner of a key is decided by a
total order in the rows themselves, so that the order of loads does not matter, but for books:

* event: the smallest (event time, row hash) stays; the others go to ``ops.conflicts``.
* entity: the largest (version, state rank, landing sequence, row hash) stands.
* slice: the largest (landing sequence, row hash) stands; a row last seen in an older pull than the slice's
  newest one is deleted.
* book: what stands stays; of one file the smallest (event time, row hash) comes to stand, the others go to
  ``ops.conflicts``. So its files are loaded in the order in which they were landed (``load.in_order``).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from include.warehouse.contracts import Contract
from include.warehouse.postgres import Warehouse
from include.warehouse.prepare import index_statements, raw_columns

OWN_SEGMENT_ROWS = 500_000
"""From this many new rows on, a load of events gets a partition of its own, indexed after it is filled."""
OPEN_SEGMENT_ROWS = 4_000_000
"""Rows that the open partition takes before the next one is opened: its index must stay in memory."""

LOOKUP_SHARE = 20
"""Rows that must be compared are looked up one by one while there are so many times more standing ones."""


@dataclass(frozen=True)
class Target:
    """Where new rows go: a table, and what is to be done once they are in it."""

    table: str
    segment: int | None = None
    is_fresh: bool = False
    """Created or emptied in this transaction: rows can be written as frozen, indexes are built afterwards."""


@dataclass(frozen=True)
class Merged:
    """What became of the rows that had to be compared, as counts and row hashes."""

    inserted: int
    replaced: int
    lost: int
    tied: int
    tombstoned: int
    loaded: tuple[str, ...]
    """Row hashes (32 hex digits) of the rows that stand now by this load."""
    lost_hashes: tuple[str, ...]


def copy_columns(contract: Contract) -> list[str]:
    """Return the columns that a load writes, in order."""
    return [column for column in raw_columns(contract) if column != "_segment"]


def standing_tables(warehouse: Warehouse, contract: Contract) -> list[str]:
    """Return the tables that hold a feed's standing rows: its non-empty segments, or the one table."""
    if contract.kind != "event":
        [(found,)] = warehouse.rows(f"select exists (select from raw.{contract.feed})")
        return [f"raw.{contract.feed}"] if found else []
    segments = warehouse.rows(
        "select segment from ops.segments where feed = %s and rows > 0 order by 1", [contract.feed]
    )
    return [_segment_table(contract, segment) for (segment,) in segments]


def choose_target(warehouse: Warehouse, contract: Contract, rows: int) -> Target:
    """Choose, and where needed create, the table that new rows are appended to.

    Args:
        warehouse: the load's connection, in its transaction.
        contract: the feed's contract.
        rows: how many rows will be appended.
    """
    if contract.kind == "event":
        return _choose_segment(warehouse, contract, rows)
    table = f"raw.{contract.feed}"
    is_large = rows >= OWN_SEGMENT_ROWS and contract.kind != "book"
    if is_large and not standing_tables(warehouse, contract):
        warehouse.execute(f"truncate {table}")
        for (index,) in warehouse.rows(
            "select indexrelid::regclass::text from pg_index where indrelid = %s::regclass", [table]
        ):
            warehouse.execute(f"drop index {index}")
        return Target(table, is_fresh=True)
    return Target(table)


def set_defaults(warehouse: Warehouse, target: Target, values: Mapping[str, str | None]) -> None:
    """Set the default of columns of a table that is this load's own, or drop it (None)."""
    changes = (
        f"alter column {column} " + ("drop default" if value is None else f"set default {value}")
        for column, value in values.items()
    )
    warehouse.execute(f"alter table {target.table} {', '.join(changes)}")


def finish_target(warehouse: Warehouse, contract: Contract, target: Target, rows: int) -> None:
    """Index, attach and count what was appended to a target.

    Args:
        warehouse: the load's connection, in its transaction.
        contract: the feed's contract.
        target: what was appended to.
        rows: how many rows were appended.
    """
    if target.is_fresh:
        for statement in index_statements(contract, target.table):
            warehouse.execute(statement)
        warehouse.execute(f"analyze {target.table}")
    if target.segment is None:
        return
    if target.is_fresh:
        warehouse.execute(
            f"""
            alter table raw.{contract.feed} attach partition {target.table}
            for values in ({target.segment})
            """
        )
    warehouse.execute(
        """
        insert into ops.segments as s (feed, segment, rows, is_open) values (%s, %s, %s, %s)
        on conflict (feed, segment) do update set rows = s.rows + excluded.rows
        """,
        [contract.feed, target.segment, rows, not target.is_fresh],
    )


def _choose_segment(warehouse: Warehouse, contract: Contract, rows: int) -> Target:
    found = warehouse.rows("select segment, rows, is_open from ops.segments where feed = %s", [contract.feed])
    following = 1 + max((segment for segment, _, _ in found), default=-1)
    if rows < OWN_SEGMENT_ROWS:
        for segment, held, is_open in found:
            if is_open and held < OPEN_SEGMENT_ROWS:
                return Target(_segment_table(contract, segment), segment)
        table = _create_segment(warehouse, contract, following)
        for statement in index_statements(contract, table):
            warehouse.execute(statement)
        warehouse.execute(
            f"alter table raw.{contract.feed} attach partition {table} for values in ({following})"
        )
        return Target(table, following)
    return Target(_create_segment(warehouse, contract, following), following, is_fresh=True)


def _create_segment(warehouse: Warehouse, contract: Contract, segment: int) -> str:
    table = _segment_table(contract, segment)
    # The check lets the partition be attached without being read again.
    warehouse.execute(
        f"""
        create table {table} (like raw.{contract.feed} including defaults, check (_segment = {segment}));
        alter table {table} alter column _segment set default {segment}
        """
    )
    return table


def _segment_table(contract: Contract, segment: int) -> str:
    return f"raw.{contract.feed}_s{segment}"


def note_slices(warehouse: Warehouse, contract: Contract, landing_seq: int) -> None:
    """Remember this pull as the newest of its slices, named in ``_slices``, where it is their newest."""
    warehouse.execute(
        """
        insert into ops.slices as s (feed, tenant_id, slice, landing_seq)
        select %(feed)s, tenant_id, slice, %(seq)s from _slices
        on conflict (feed, tenant_id, slice) do update set landing_seq = excluded.landing_seq
        where s.landing_seq < excluded.landing_seq
        """,
        {"feed": contract.feed, "seq": landing_seq},
    )


def slice_text(contract: Contract, alias: str) -> str:
    """Return the expression that names a row's slice as a text, the same in DuckDB and Postgres."""
    return " || '|' || ".join(f"replace({alias}{column}::text, '|', '||')" for column in contract.slice)


def bump_identical(warehouse: Warehouse, contract: Contract, landing_seq: int) -> list[tuple[int, str]]:
    """Find the rows of ``_narrow`` (h, rh) that stand already, and note where a newer landing has them.

    Returns:
        Key hash and row hash (32 hex digits) of those that stand.
    """
    warehouse.execute(
        f"""
        create temp table _same on commit drop as
        select n.h, n.rh from _narrow n
        where exists (select from raw.{contract.feed} r where r._key_hash = n.h and r._row_hash = n.rh)
        """
    )
    if not contract.keeps_first:
        warehouse.execute(
            f"""
            update raw.{contract.feed} r set _landing_seq = %s
            from _same s
            where r._key_hash = s.h and r._row_hash = s.rh and r._landing_seq < %s
            """,
            [landing_seq, landing_seq],
        )
    return warehouse.rows("select h, replace(rh::text, '-', '') from _same")


def merge_incoming(
    warehouse: Warehouse, contract: Contract, target: Target, *, load_id: int, file_id: int, landing_seq: int
) -> Merged:
    """Decide the rows of ``_incoming`` against the standing ones and write the outcome.

    ``_incoming`` has the columns of the raw table (without ``_segment``) and ``_may_force``: false where the
    standing row of that key came in this very file too, so that a corrected mapping does not replace it.
    """
    feed, names = contract.feed, copy_columns(contract)
    keys = " and ".join(["r._key_hash = i._key_hash", *(f"r.{c} = i.{c}" for c in contract.key)])
    if contract.kind == "slice":
        warehouse.execute(
            f"""
            update _incoming i set _deleted = s.landing_seq > i._landing_seq
            from ops.slices s
            where s.feed = %s and s.tenant_id = i.tenant_id and s.slice = {slice_text(contract, "i.")}
            """,
            [feed],
        )
    warehouse.execute("analyze _incoming")
    if _are_few(warehouse, contract):
        warehouse.execute("set local enable_hashjoin = off; set local enable_mergejoin = off")
    warehouse.execute(
        f"""
        create temp table _decided on commit drop as
        select i._key_hash, i._row_hash,
            case
                when r._load_id is null then 'insert'
                when {_is_same(contract)} then {_same_content(contract)}
                when {_beats(contract, file_id)} then 'replace'
                else 'lose'
            end as outcome,
            coalesce({_ties(contract)} and not ({_is_same(contract)}), false) as is_tied,
            to_jsonb(r) as old_row
        from _incoming i left join raw.{feed} r on {keys}
        """
    )
    warehouse.execute("set local enable_hashjoin = on; set local enable_mergejoin = on; analyze _decided")
    if contract.kind != "book":
        _restate_winners(warehouse, contract, load_id)
    if contract.keeps_first:
        _note_conflicts(warehouse, contract, load_id)
    joined = "d._key_hash = i._key_hash and d._row_hash = i._row_hash"
    replaced = 0
    if contract.kind != "book":
        sets = ", ".join(f"{c} = i.{c}" for c in names)
        replaced = warehouse.execute(
            f"""
            update raw.{feed} r set {sets}
            from _incoming i join _decided d on {joined}
            where d.outcome = 'replace' and {keys}
            """
        )
    if not contract.keeps_first:
        warehouse.execute(
            f"""
            update raw.{feed} r set _landing_seq = i._landing_seq
            from _incoming i join _decided d on {joined}
            where d.outcome = 'same' and {keys} and r._landing_seq < i._landing_seq
            """
        )
    columns = ", ".join(names)
    inserted = warehouse.execute(
        f"""
        insert into {target.table} ({columns})
        select {", ".join(f"i.{c}" for c in names)}
        from _incoming i join _decided d on {joined} where d.outcome = 'insert'
        """
    )
    tombstoned = _delete_unseen(warehouse, contract, load_id, landing_seq) if contract.kind == "slice" else 0
    outcomes = warehouse.rows("select outcome, replace(_row_hash::text, '-', ''), is_tied from _decided")
    return Merged(
        inserted=inserted,
        replaced=replaced,
        lost=sum(outcome == "lose" for outcome, _, _ in outcomes),
        tied=sum(is_tied for _, _, is_tied in outcomes),
        tombstoned=tombstoned,
        loaded=tuple(h for outcome, h, _ in outcomes if outcome in ("insert", "replace")),
        lost_hashes=tuple(h for outcome, h, _ in outcomes if outcome == "lose"),
    )


def _are_few(warehouse: Warehouse, contract: Contract) -> bool:
    """Tell whether looking up each row of ``_incoming`` beats reading all standing rows once."""
    return bool(
        warehouse.value(
            """
            select (select count(*) from _incoming) * %s < sum(greatest(c.reltuples, 0))
            from pg_partition_tree(%s::regclass) t join pg_class c on c.oid = t.relid
            where t.isleaf
            """,
            [LOOKUP_SHARE, f"raw.{contract.feed}"],
        )
    )


def _restate_winners(warehouse: Warehouse, contract: Contract, load_id: int) -> None:
    feed = contract.feed
    new_row = "to_jsonb(i) - '_may_force'"
    warehouse.execute(
        f"""
        insert into ops.restatements (feed, tenant_id, key_hash, old_load_id, load_id, old_row, new_row)
        select '{feed}', i.tenant_id, i._key_hash, (d.old_row ->> '_load_id')::bigint, {load_id},
            d.old_row, {new_row}
        from _incoming i
        join _decided d on d._key_hash = i._key_hash and d._row_hash = i._row_hash
        where d.outcome = 'replace'
        """
    )


def _note_conflicts(warehouse: Warehouse, contract: Contract, load_id: int) -> None:
    feed, names = contract.feed, copy_columns(contract)
    hidden = ", ".join(f"'{c}'" for c in (*names[names.index("_load_id") :], "_segment", "_may_force"))
    key = ", ".join(f"'{c}', i.{c}" for c in contract.key)
    reason = f"another row of this key has the smaller ({contract.event_time}, content)"
    if contract.kind == "book":
        reason = "another row of this key stands already"
    # A loser seen again is the same conflict.
    warehouse.execute(
        f"""
        insert into ops.conflicts (load_id, feed, tenant_id, key, kept, row, row_hash, reason)
        select {load_id}, '{feed}', i.tenant_id, jsonb_build_object({key}),
            (case when d.outcome = 'lose' then d.old_row else to_jsonb(i) end) - array[{hidden}],
            (case when d.outcome = 'lose' then to_jsonb(i) else d.old_row end) - array[{hidden}],
            case when d.outcome = 'lose' then i._row_hash else (d.old_row ->> '_row_hash')::uuid end,
            '{reason}'
        from _incoming i
        join _decided d on d._key_hash = i._key_hash and d._row_hash = i._row_hash
        where d.outcome in ('lose', 'replace')
        on conflict do nothing
        """
    )


def _delete_unseen(warehouse: Warehouse, contract: Contract, load_id: int, landing_seq: int) -> int:
    """Mark the rows of this pull's slices that it no longer has, where it is the slices' newest pull."""
    feed = contract.feed
    gone = f"""
        raw.{feed} r join _slices c on c.tenant_id = r.tenant_id and c.slice = {slice_text(contract, "r.")}
        join ops.slices s on s.feed = '{feed}' and s.tenant_id = c.tenant_id and s.slice = c.slice
        where s.landing_seq = {landing_seq} and r._landing_seq < {landing_seq} and not r._deleted
            and {_slice_range(contract)}
    """
    warehouse.execute(
        f"""
        create temp table _gone on commit drop as
        select r._key_hash, r._row_hash, to_jsonb(r) as old_row from {gone};
        insert into ops.restatements (feed, tenant_id, key_hash, old_load_id, load_id, old_row, new_row)
        select '{feed}', old_row ->> 'tenant_id', _key_hash, (old_row ->> '_load_id')::bigint, {load_id},
            old_row, old_row || jsonb_build_object('_deleted', true, '_load_id', {load_id})
        from _gone
        """
    )
    return warehouse.execute(
        f"""
        update raw.{feed} r set _deleted = true, _load_id = {load_id} from _gone g
        where r._key_hash = g._key_hash and r._row_hash = g._row_hash
        """
    )


def _slice_range(contract: Contract) -> str:
    # The slice's text has no index; its columns have one.
    columns = contract.slice
    return f"({', '.join(f'r.{c}' for c in columns)}) in (select {', '.join(columns)} from _slice_columns)"


def _is_same(contract: Contract) -> str:
    """Return the condition that the standing row says the same; null where there is none."""
    if contract.kind != "book":
        return "r._row_hash = i._row_hash"
    # The hash of a row that was loaded before its contract gained a column is not that of today.
    columns = [*contract.names, "_extra"]
    standing, incoming = (", ".join(f"{alias}.{c}" for c in columns) for alias in ("r", "i"))
    return f"r._row_hash = i._row_hash or ({standing}) is not distinct from ({incoming})"


def _same_content(contract: Contract) -> str:
    if contract.kind == "slice":
        return "case when r._deleted and not i._deleted then 'replace' else 'same' end"
    return "'same'"


def _beats(contract: Contract, file_id: int) -> str:
    if contract.kind == "book":
        return "false"
    corrected = f"(r._file_id = {file_id} and i._may_force)"
    if contract.kind == "event":
        time = contract.event_time
        return f"{corrected} or (i.{time}, i._row_hash) < (r.{time}, r._row_hash)"
    order = [*order_columns(contract), "{0}._landing_seq", "{0}._row_hash"]
    left, right = (", ".join(part.format(alias) for part in order) for alias in ("i", "r"))
    return f"{corrected} or ({left}) > ({right})"


def _ties(contract: Contract) -> str:
    order = ["{0}." + str(contract.event_time)] if contract.keeps_first else order_columns(contract)
    if not order:
        return "i._landing_seq = r._landing_seq"
    return " and ".join(f"{part.format('i')} = {part.format('r')}" for part in order)


def order_columns(contract: Contract) -> list[str]:
    """Return what comes before the landing sequence in the order of versions, with ``{0}`` for the alias."""
    order = []
    if contract.kind == "entity" and contract.version:
        order.append("{0}." + contract.version)
    if contract.kind == "entity" and contract.state_column:
        whens = " ".join(f"when '{state}' then {rank}" for rank, state in enumerate(contract.state_order))
        order.append("case {0}." + contract.state_column + f" {whens} else -1 end")
    return order
