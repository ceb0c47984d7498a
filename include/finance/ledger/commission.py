"""The commission ledger: what is posted against what the events of orders say, and the entries in between.

Facts, entries and balances are Arrow tables; no database is known here. A transaction is two lines of one KOL
and currency that sum to zero: debit is positive, credit negative. docs/ledger.md has the rules.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal

import duckdb
import pyarrow as pa

from include.feeds.currencies import MINOR_UNITS

MONEY = pa.decimal128(20, 4)
RATE = pa.decimal128(6, 4)
INSTANT = pa.timestamp("us", "UTC")

FACTS = pa.schema(
    [
        ("order_source", pa.string()),
        ("order_id", pa.string()),
        ("event_type", pa.string()),
        ("event_id", pa.string()),
        ("event_date", pa.date32()),
        ("kol_id", pa.string()),
        ("currency", pa.string()),
        ("contract_id", pa.string()),
        ("commission_rate", RATE),
        ("contract_updated_at", INSTANT),
        ("commission_amount", MONEY),
        ("is_held", pa.bool_()),
    ]
)
"""An event of a credited order: what it earns (a refund less than nothing), by which terms, if held."""

ENTRIES = pa.schema(
    [
        ("entry_id", pa.string()),
        ("transaction_id", pa.string()),
        ("line_no", pa.int32()),
        ("entry_type", pa.string()),
        ("account", pa.string()),
        ("kol_id", pa.string()),
        ("currency", pa.string()),
        ("amount", MONEY),
        ("order_source", pa.string()),
        ("order_id", pa.string()),
        ("event_type", pa.string()),
        ("event_id", pa.string()),
        ("contract_id", pa.string()),
        ("commission_rate", RATE),
        ("rule_version", pa.string()),
        ("event_date", pa.date32()),
        ("posting_date", pa.date32()),
        ("entered_at", INSTANT),
        ("entered_by", pa.string()),
        ("reason", pa.string()),
    ]
)
"""Lines of the feed ``ledger_entries``; the tenant is the posting's."""

BALANCES = pa.schema(
    [
        ("kol_id", pa.string()),
        ("currency", pa.string()),
        ("account", pa.string()),
        ("amount", MONEY),
        ("lines", pa.int64()),
    ]
)
"""What stands on each account of a KOL in a currency, and how many lines made it."""

CONTRACTS = pa.schema(
    [
        ("contract_id", pa.string()),
        ("kol_id", pa.string()),
        ("currency", pa.string()),
        ("ends_on", pa.date32()),
        ("target_orders", pa.int32()),
        ("target_penalty", MONEY),
        ("orders", pa.int64()),
    ]
)
"""A contract with a target, and the credited completed orders that it has brought."""


class LedgerError(ValueError):
    """Something asked of the ledger breaks its rules; nothing was entered."""


@dataclass(frozen=True)
class Posting:
    """Whose ledger is written, on which of the tenant's days, from which open day on, when and by whom."""

    tenant_id: str
    open_from: date
    day: date
    at: datetime
    by: str

    def __post_init__(self) -> None:
        """Refuse a posting by nobody."""
        if not self.by.strip():
            raise LedgerError(
                f"ledger of tenant {self.tenant_id}: say who enters it; it stands there for ever"
            )


def post(facts: pa.Table, standing: pa.Table, balances: pa.Table, posting: Posting) -> pa.Table:
    """Return the entries by which what is posted comes to what the facts say.

    Args:
        facts: all events of the touched orders as they are credited now (``FACTS``); of an order that is
            credited to nobody, none.
        standing: all entries of the touched orders (``ENTRIES``).
        balances: of every KOL whom facts or standing entries name, all accounts (``BALANCES``).
        posting: the posting.

    Returns:
        New lines (``ENTRIES``); none where facts and entries agree.

    Raises:
        LedgerError: the facts contradict themselves; nothing is posted.
    """
    with _journal(balances, posting, facts=(facts, FACTS), standing=(standing, ENTRIES)) as duck:
        duck.execute(_COMPARED)
        _refuse(duck, posting, _CONTRADICTIONS)
        duck.execute(_DIFFERENCES)
        duck.execute(_HOLDS)
        return _entries(duck, posting)


def payable(balances: pa.Table) -> dict[tuple[str, str], Decimal]:
    """Return what may be paid now by KOL and currency, where that is anything."""
    return {
        (row["kol_id"], row["currency"]): -row["amount"]
        for row in balances.to_pylist()
        if row["account"] == "kol_payable" and row["amount"] < 0
    }


def pay(
    balances: pa.Table,
    posting: Posting,
    *,
    reason: str,
    amounts: Mapping[tuple[str, str], Decimal] | None = None,
) -> pa.Table:
    """Return the entries of a payout.

    Args:
        balances: of the KOLs who are paid, all accounts (``BALANCES``).
        posting: the posting.
        reason: what the payout is, such as its number.
        amounts: by KOL and currency; all that is payable when left out.

    Raises:
        LedgerError: no reason, or an amount that is not positive, more than is payable, or finer than the
            currency's smallest unit.
    """
    if not reason.strip():
        raise LedgerError(f"ledger of tenant {posting.tenant_id}: say what the payout is, such as its number")
    owed = payable(balances)
    amounts = owed if amounts is None else amounts
    for (kol_id, currency), amount in amounts.items():
        most = owed.get((kol_id, currency), Decimal(0))
        if not 0 < amount <= most:
            raise LedgerError(
                f"KOL {kol_id} of tenant {posting.tenant_id} cannot be paid {amount} {currency}:"
                f" {most} is payable; pay more than 0 and no more than that"
            )
    rows = [{"kol_id": kol, "currency": code, "amount": paid} for (kol, code), paid in amounts.items()]
    wanted = pa.Table.from_pylist(rows, schema=_PAYMENTS)
    with _journal(balances, posting, wanted=(wanted, _PAYMENTS)) as duck:
        duck.execute("set variable reason = ?", [reason])
        duck.execute(_PAYOUTS)
        return _entries(duck, posting)


def penalties(contracts: pa.Table, standing: pa.Table, balances: pa.Table, posting: Posting) -> pa.Table:
    """Return the entries by which what is posted comes to the penalties that are due.

    A penalty is due when its contract ended before the posting's day with fewer orders than its target. One
    that is due no longer, because orders were credited late or the contract was changed, is taken back.

    Args:
        contracts: the contracts to look at (``CONTRACTS``).
        standing: all penalties of these contracts, and of those that there are no longer (``ENTRIES``).
        balances: of the KOLs of both, all accounts (``BALANCES``).
        posting: the posting.
    """
    with _journal(balances, posting, contracts=(contracts, CONTRACTS), standing=(standing, ENTRIES)) as duck:
        duck.execute(_PENALTIES)
        return _entries(duck, posting)


def totals(entries: pa.Table, before: pa.Table | None = None) -> pa.Table:
    """Return the balances (``BALANCES``) that entries make, of nothing or of the balances before them."""
    with duckdb.connect(config={"threads": 1}) as duck:
        duck.register("entries", entries)
        duck.register("before", BALANCES.empty_table() if before is None else before)
        found = duck.sql("""
            select kol_id, currency, account, sum(amount) as amount, sum(lines) as lines
            from (
                select kol_id, currency, account, amount, 1 as lines from entries
                union all
                select kol_id, currency, account, amount, lines from before
            )
            group by all
            order by all
        """)
        return found.to_arrow_table().cast(BALANCES)


_PAYMENTS = pa.schema([("kol_id", pa.string()), ("currency", pa.string()), ("amount", MONEY)])

# A move is one transaction: so much to ``account``, as much from ``counter_account``. ``number`` counts the
# lines that the order (or without one, the KOL) had before, so that a move that comes again has another id.
_JOURNAL = """
    create temp table moves (
        entry_type varchar, account varchar, counter_account varchar, kol_id varchar, currency varchar,
        amount decimal(38, 4), order_source varchar, order_id varchar, event_type varchar, event_id varchar,
        contract_id varchar, commission_rate decimal(6, 4), rule_version varchar, event_date date,
        reason varchar, number bigint
    )
"""

# What decides where commission belongs: the event, its day, whose it is and by which terms. Of each there is
# a sum that the facts say and one that is posted as expense; a transaction's other side follows from it.
_COMPARED = """
    create temp table sides as
    select
        order_source, order_id, event_type, coalesce(event_id, '') as event_id, event_date, kol_id, currency,
        contract_id, commission_rate, true as is_said, commission_amount as amount,
        left(sha256(concat_ws(chr(0), contract_id, commission_rate, epoch_us(contract_updated_at))), 16)
            as rule_version
    from facts
    where commission_amount <> 0
    union all
    select
        order_source, order_id, event_type, coalesce(event_id, '') as event_id, event_date, kol_id, currency,
        contract_id, commission_rate, false as is_said, sum(amount) as amount,
        arg_max(rule_version, entered_at) as rule_version
    from standing
    where account = 'commission_expense'
    group by all;

    create temp table orders as
    select
        order_source, order_id,
        coalesce(bool_or(is_held), sum(held) <> 0) as is_held,
        sum(lines) as lines
    from (
        select order_source, order_id, is_held, 0 as held, 0 as lines from facts
        union all
        select order_source, order_id, null, if(account = 'kol_held', amount, 0), 1 from standing
    )
    group by all;
"""

_CONTRADICTIONS = """
    with told as (
        select
            *,
            count(*) over (partition by order_source, order_id, event_type, event_id) as facts,
            sum(amount) over (partition by order_source, order_id, kol_id, currency) as earned
        from sides
        where is_said
    )
    select
        case
            when kol_id is null or contract_id is null then 'commission without KOL or contract'
            when facts > 1 then 'two facts of one event'
            else 'more is reversed than was earned'
        end as fault,
        order_source || ' order ' || order_id as place, true as is_of_order
    from told
    where kol_id is null or contract_id is null or facts > 1 or earned < 0
"""

_DIFFERENCES = """
    insert into moves by name
    with told as (
        select
            *,
            bool_or(not is_said) over event as is_known,
            any_value({'kol': kol_id, 'contract': contract_id, 'rate': commission_rate, 'day': event_date})
                filter (is_said) over event as now,
            any_value({'kol': kol_id, 'contract': contract_id, 'rate': commission_rate, 'day': event_date})
                filter (not is_said and amount <> 0) over event as was
        from sides
        window event as (partition by order_source, order_id, event_type, event_id)
    ),
    differences as (
        select
            order_source, order_id, event_type, event_id, event_date, kol_id, currency, contract_id,
            commission_rate, is_known, now, was, arg_max(rule_version, is_said) as rule_version,
            sum(if(is_said, amount, -amount)) as amount
        from told
        group by all
    )
    select
        case when is_known then 'correction' when event_type = 'completion' then 'accrual' else 'reversal' end
            as entry_type,
        'commission_expense' as account,
        if(orders.is_held, 'kol_held', 'kol_payable') as counter_account,
        differences.* exclude (is_known, now, was),
        case
            when not is_known then event_type
            when now is null then 'earns nothing any more'
            when was is null then 'earns again'
            when now.kol <> was.kol then 'credit moved from ' || was.kol || ' to ' || now.kol
            when now.contract <> was.contract or now.rate <> was.rate
                then 'terms moved from ' || was.rate || ' of ' || was.contract || ' to ' || now.rate || ' of '
                    || now.contract
            when now.day <> was.day then 'day moved from ' || was.day || ' to ' || now.day
            else 'amount changed'
        end as reason,
        orders.lines as number
    from differences
    inner join orders using (order_source, order_id)
    where amount <> 0
"""

# Only what stood before moves: what is new has been posted to where its order is now.
_HOLDS = """
    insert into moves by name
    select
        if(orders.is_held, 'hold', 'release') as entry_type,
        'kol_held' as account,
        'kol_payable' as counter_account,
        order_source, order_id, kol_id, currency,
        sum(if(orders.is_held, 1, -1) * amount) as amount,
        getvariable('posting_day') as event_date,
        if(orders.is_held, 'order is held', 'order is held no longer') as reason,
        any_value(orders.lines) as number
    from standing
    inner join orders using (order_source, order_id)
    where account = if(orders.is_held, 'kol_payable', 'kol_held')
    group by order_source, order_id, kol_id, currency, orders.is_held
    having sum(amount) <> 0
"""

_PAYOUTS = """
    insert into moves by name
    select
        'payout' as entry_type, 'kol_payable' as account, 'cash' as counter_account, kol_id, currency,
        wanted.amount,
        getvariable('posting_day') as event_date, getvariable('reason') as reason,
        coalesce(sum(lines), 0) as number
    from wanted
    left join balances using (kol_id, currency)
    group by all
"""

_PENALTIES = """
    insert into moves by name
    with sides as (
        select contract_id, kol_id, currency, ends_on as event_date, target_penalty as amount, true as is_due,
            orders || ' of ' || target_orders || ' orders' as reason
        from contracts
        where ends_on < getvariable('posting_day') and orders < target_orders and target_penalty <> 0
        union all
        select contract_id, kol_id, currency, event_date, amount, false, null
        from standing
        where account = 'penalty_income'
    ),
    differences as (
        select contract_id, kol_id, currency, event_date, sum(amount) as amount,
            if(bool_and(is_due), 'penalty', 'correction') as entry_type,
            coalesce(max(reason), 'target is met, or the contract another') as reason
        from sides
        group by contract_id, kol_id, currency, event_date
    ),
    counts as (select kol_id, currency, sum(lines) as lines from balances group by all)
    select
        differences.*, 'kol_payable' as account, 'penalty_income' as counter_account,
        coalesce(counts.lines, 0) as number
    from differences
    left join counts using (kol_id, currency)
    where amount <> 0
"""

# A KOL is owed something or owes something, never both: what is payable settles what is receivable first.
_SETTLEMENTS = """
    insert into moves by name
    with lines as (
        select kol_id, currency, account, amount, 1 as lines, true as is_new from moves
        union all
        select kol_id, currency, counter_account, -amount, 1, true from moves
        union all
        select kol_id, currency, account, amount, lines, false from balances
    ),
    positions as (
        select kol_id, currency, sum(lines) as number,
            coalesce(sum(amount) filter (account = 'kol_payable'), 0) as payable,
            coalesce(sum(amount) filter (account = 'kol_receivable'), 0) as receivable
        from lines
        group by all
        having bool_or(is_new)
    )
    select
        if(amount > 0, 'clawback', 'settlement') as entry_type,
        'kol_receivable' as account, 'kol_payable' as counter_account, kol_id, currency, amount,
        getvariable('posting_day') as event_date,
        if(amount > 0, 'paid before it was reversed', 'set off against what is due from the KOL') as reason,
        number
    from (select *, greatest(payable + receivable, 0) - receivable as amount from positions)
    where amount <> 0
"""

_ODD_AMOUNTS = """
    select 'an amount that its currency does not have' as fault,
        concat_ws(' ', 'KOL', kol_id, amount, currency, order_source, order_id) as place,
        order_id is not null as is_of_order
    from moves
    left join units using (currency)
    where unit is null or amount % unit <> 0
"""

_ENTRIES = """
    with transactions as (
        select
            * replace (nullif(event_id, '') as event_id),
            greatest(event_date, getvariable('posting_open_from')) as posting_date,
            left(sha256(array_to_string([
                coalesce(part, '') for part in [
                    getvariable('posting_tenant_id'), entry_type, account, kol_id, currency, order_source,
                    order_id, event_type, event_id, contract_id, commission_rate::varchar,
                    event_date::varchar, number::varchar
                ]
            ], chr(0))), 32) as transaction_id
        from moves
    )
    select
        transaction_id || '-' || line_no as entry_id, transaction_id, line_no, entry_type,
        if(line_no = 1, account, counter_account) as account, kol_id, currency,
        if(line_no = 1, amount, -amount) as amount,
        order_source, order_id, event_type, event_id, contract_id, commission_rate, rule_version,
        event_date, posting_date, getvariable('posting_at') as entered_at,
        getvariable('posting_by') as entered_by, reason
    from transactions
    cross join (values (1), (2)) as lines (line_no)
    order by kol_id, currency, order_source, order_id, event_date, transaction_id, line_no
"""


@contextmanager
def _journal(
    balances: pa.Table, posting: Posting, **given: tuple[pa.Table, pa.Schema]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A workspace with the given tables, the balances and an empty table of moves."""
    with duckdb.connect(config={"threads": 1}) as duck:
        for name, (table, schema) in {**given, "balances": (balances, BALANCES)}.items():
            duck.register(name, table.select(schema.names).cast(schema))
        for name, value in asdict(posting).items():
            duck.execute(f"set variable posting_{name} = ?", [value])
        duck.execute(_JOURNAL)
        yield duck


def _entries(duck: duckdb.DuckDBPyConnection, posting: Posting) -> pa.Table:
    """Settle what the moves leave due from KOLs, and return all moves as lines."""
    smallest = [Decimal(1).scaleb(-places) for places in MINOR_UNITS.values()]
    duck.register("units", pa.table({"currency": list(MINOR_UNITS), "unit": pa.array(smallest, MONEY)}))
    _refuse(duck, posting, _ODD_AMOUNTS)
    duck.execute(_SETTLEMENTS)
    return duck.sql(_ENTRIES).to_arrow_table().cast(ENTRIES)


def _refuse(duck: duckdb.DuckDBPyConnection, posting: Posting, faults: str) -> None:
    found = duck.execute(f"select fault, place, is_of_order from ({faults}) order by all limit 1").fetchall()
    if found:
        fault, place, is_of_order = found[0]
        raise LedgerError(
            f"ledger of tenant {posting.tenant_id}: {fault}, {place}; nothing is posted"
            + (": look at the order's rows in intermediate.int_orders__events" if is_of_order else "")
        )
