"""The financial journal: what is entered of money facts against what they say, and the entries in between.

Facts and entries are Arrow tables; no database is known here. docs/close.md has the rules.
"""

import duckdb
import pyarrow as pa

from include.finance.ledger.commission import INSTANT, MONEY, LedgerError, Posting

AMOUNTS = ("amount", "vat_amount", "discount_amount", "fee_amount")

MONEY_FACTS = pa.schema(
    [
        ("record_type", pa.string()),
        ("source", pa.string()),
        ("record_id", pa.string()),
        ("event_type", pa.string()),
        ("event_id", pa.string()),
        ("event_date", pa.date32()),
        ("currency", pa.string()),
        *((name, MONEY) for name in AMOUNTS),
    ]
)
"""An event that moved money: of what record, on which of the tenant's days, and its amounts."""

ENTRIES = pa.schema(
    [
        ("entry_id", pa.string()),
        ("entry_type", pa.string()),
        ("record_type", pa.string()),
        ("source", pa.string()),
        ("record_id", pa.string()),
        ("event_type", pa.string()),
        ("event_id", pa.string()),
        ("currency", pa.string()),
        *((name, MONEY) for name in AMOUNTS),
        ("event_date", pa.date32()),
        ("posting_date", pa.date32()),
        ("entered_at", INSTANT),
        ("entered_by", pa.string()),
        ("reason", pa.string()),
    ]
)
"""Entries of the book ``journal_entries``; the tenant is the posting's."""


def enter(facts: pa.Table, standing: pa.Table, posting: Posting) -> pa.Table:
    """Return the entries by which what is entered comes to what the facts say.

    Args:
        facts: all that is known now of the touched events (``MONEY_FACTS``); of one that is gone, nothing.
        standing: all entries of the touched events (``ENTRIES``).
        posting: whose journal, from which open day on, when and by whom.

    Returns:
        New entries (``ENTRIES``), none where facts and entries agree. What lies before the first open day is
        an adjustment, booked on that day.

    Raises:
        LedgerError: two facts of one event; nothing is entered.
    """
    with duckdb.connect(config={"threads": 1}) as duck:
        duck.execute("set TimeZone = 'UTC'")
        duck.register("facts", facts.select(MONEY_FACTS.names).cast(MONEY_FACTS))
        duck.register("standing", standing.select(ENTRIES.names).cast(ENTRIES))
        for name in ("tenant_id", "open_from", "at", "by"):
            duck.execute(f"set variable posting_{name} = ?", [getattr(posting, name)])
        _refuse_doubles(duck, posting.tenant_id)
        return duck.sql(_ENTRIES).to_arrow_table().cast(ENTRIES)


def _refuse_doubles(duck: duckdb.DuckDBPyConnection, tenant_id: str) -> None:
    doubles = f"select concat_ws(' ', {_EVENT}) as event from facts group by {_EVENT} having count(*) > 1"
    found = duck.execute(f"{doubles} order by event limit 1").fetchone()
    if found:
        raise LedgerError(
            f"journal of tenant {tenant_id}: two facts of one event, {found[0]}; nothing is entered:"
            " look at the record in its staging model"
        )


_EVENT = "record_type, source, record_id, event_type, event_id"


def _each(text: str, between: str = ", ") -> str:
    return between.join(text.format(name) for name in AMOUNTS)


# One side says, the other stands; both by event, currency and day, so that what moves to another day or
# currency is taken back as it was entered, and entered beside it as it is. ``number`` counts the entries that
# the event had before, so that an entry that comes again has another id.
_ENTRIES = f"""
    with sides as (
        select
            {_EVENT}, currency, event_date, {_each("{0}::decimal(38, 4) as {0}")},
            true as is_said, 0 as entries
        from facts
        where {_each("{0} <> 0", " or ")}
        union all
        select {_EVENT}, currency, event_date, {_each("sum({0})")}, false, count(*)
        from standing
        group by all
    ),
    told as (
        select
            *,
            bool_or(not is_said) over event as is_known,
            any_value({{'day': event_date, 'currency': currency}}) filter (is_said) over event as now,
            any_value({{'day': event_date, 'currency': currency}})
                filter (not is_said and ({_each("{0} <> 0", " or ")})) over event as was,
            sum(entries) over event as number
        from sides
        window event as (partition by {_EVENT})
    ),
    differences as (
        select
            {_EVENT}, currency, event_date, is_known, now, was, number,
            {_each("coalesce(sum({0}) filter (is_said), 0) as said_{0}")},
            {_each("coalesce(sum({0}) filter (not is_said), 0) as stood_{0}")}
        from told
        group by all
    ),
    entries as (
        select
            *,
            greatest(event_date, getvariable('posting_open_from')) as posting_date,
            {_each("said_{0} - stood_{0} as {0}")}
        from differences
        where {_each("said_{0} <> stood_{0}", " or ")}
    )
    select
        left(sha256(array_to_string([
            coalesce(part, '') for part in [
                getvariable('posting_tenant_id'), {_EVENT}, currency, event_date::varchar, number::varchar
            ]
        ], chr(0))), 32) as entry_id,
        if(posting_date > event_date, 'adjustment', 'entry') as entry_type,
        {_EVENT}, currency, {_each("{0}")}, event_date, posting_date,
        getvariable('posting_at') as entered_at,
        getvariable('posting_by') as entered_by,
        case
            when not is_known and posting_date > event_date then 'came after its month was closed'
            when not is_known then 'came'
            when now is null then 'counts no longer'
            when was is null then 'counts again'
            when now.currency <> was.currency
                then 'currency moved from ' || was.currency || ' to ' || now.currency
            when now.day <> was.day then 'day moved from ' || was.day || ' to ' || now.day
            else concat_ws(
                ', ',
                {_each("if({0} <> 0, '{0} moved from ' || stood_{0} || ' to ' || said_{0}, null)")}
            )
        end as reason
    from entries
    order by {_EVENT}, event_date, currency
"""
