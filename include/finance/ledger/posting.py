"""The ledger in the warehouse: read what builds have changed, post it, and land the entries."""

import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from include.feeds.landing import manifests
from include.feeds.load import LoadResult, load_landed
from include.finance import books
from include.finance.audit.fraud import held_orders
from include.finance.ledger.commission import CONTRACTS, ENTRIES, FACTS, Posting, pay, penalties, post, totals
from include.finance.periods import open_from as first_open_day
from include.finance.tenants import Tenant, published_tenant
from include.settings import Settings, get_settings
from include.warehouse import Warehouse, connect

FEED = "ledger_entries"
SOURCE = "sokol_ledger"

OrderKey = tuple[str, str]
"""Source and id of an order."""


class PostingError(RuntimeError):
    """Nothing could be posted; what stood stands, and the next posting makes up for it."""


@dataclass(frozen=True)
class Posted:
    """What one posting did: orders that it looked at, lines that it entered."""

    tenant_id: str
    orders: int
    entries: int

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.tenant_id}: {self.entries} lines entered for {self.orders} orders that had changed"


def post_orders(
    tenant_id: str,
    *,
    open_from: date,
    held: Collection[OrderKey] | None = None,
    by: str,
    settings: Settings | None = None,
) -> Posted:
    """Post what builds have changed of a tenant's commission since the last posting, and the penalties due.

    A run that is killed may be repeated at any time: what it landed is loaded first, and what is posted
    differs from the facts no longer.

    Args:
        tenant_id: whose ledger.
        open_from: the tenant's first open day.
        held: orders whose commission is held; those under a flag when left out.
        by: who posts.
        settings: where the warehouse and the landing zone are.

    Raises:
        NotPublishedError: the tenant is held or unknown.
        PostingError: a build is under way or has failed half-way, or ``open_from`` lies in a closed month.
        StaleFlagsError: the last build has not judged the orders that it wrote.
        LedgerError: the facts contradict themselves.
        DecisionError: the loader refused a row, so none is entered.
    """
    settings = settings or get_settings()
    with opened_ledger(tenant_id, settings) as ledger:
        ledger.require_open(open_from)
        since = ledger.progress()
        with ledger.transformer.transaction():
            ledger.transformer.execute("set transaction isolation level repeatable read")
            tenant, upto = ledger.published()
            held = held_orders(ledger.transformer, tenant_id) if held is None else held
            orders = _touch(ledger, since, upto, held)
            facts = read_as(ledger.transformer, _FACTS, FACTS)
            standing = read_as(ledger.transformer, _STANDING, ENTRIES)
            contracts = read_as(ledger.transformer, _CONTRACTS, CONTRACTS)
            charged = read_as(ledger.transformer, _CHARGED, ENTRIES)
        posting = Posting(tenant_id, open_from, tenant.as_of, datetime.now(UTC), by)
        balances = ledger.balances(_kols(facts, standing, contracts, charged))
        posted = post(facts, standing, balances, posting)
        due = penalties(contracts, charged, totals(posted, balances), posting)
        entries = pa.concat_tables([posted, due])
        ledger.land(entries, "posting", posting)
        ledger.advance({"build_id": upto["build"], "orders_load_id": upto["orders"], "held": _texts(held)})
    return Posted(tenant_id, orders, entries.num_rows)


def pay_out(
    tenant_id: str,
    *,
    open_from: date,
    reason: str,
    by: str,
    amounts: Mapping[tuple[str, str], Decimal] | None = None,
    settings: Settings | None = None,
) -> pa.Table:
    """Enter a payout of a tenant, and return its lines.

    Args:
        tenant_id: whose KOLs are paid.
        open_from: the tenant's first open day.
        reason: what the payout is, such as its number.
        by: who pays.
        amounts: by KOL and currency; all that is payable when left out.
        settings: where the warehouse and the landing zone are.

    Raises:
        NotPublishedError: the tenant is held or unknown.
        PostingError: as ``post_orders``, or the last build is not posted.
        LedgerError: an amount is not positive or more than is payable.
    """
    settings = settings or get_settings()
    with opened_ledger(tenant_id, settings) as ledger:
        ledger.require_open(open_from)
        tenant, upto = ledger.published()
        if ledger.progress()["build_id"] != upto["build"]:
            raise PostingError(
                f"ledger of tenant {tenant_id}: build {upto['build']} is not posted yet, and what it changed"
                " may be payable no longer; post first"
            )
        posting = Posting(tenant_id, open_from, tenant.as_of, datetime.now(UTC), by)
        balances = ledger.balances(None if amounts is None else {kol for kol, _ in amounts})
        entries = pay(balances, posting, reason=reason, amounts=amounts)
        ledger.land(entries, "payout", posting)
        ledger.advance({})
    return entries


@contextmanager
def opened_ledger(tenant_id: str, settings: Settings) -> Iterator["Ledger"]:
    """Give a tenant's ledger, whole and to nobody else meanwhile; months are closed by its holder alone."""
    with (
        connect("loader", settings) as holder,
        connect("loader", settings) as loader,
        connect("transformer", settings) as transformer,
        holder.transaction(),
    ):
        holder.lock(f"sokol:ledger:{tenant_id}")
        ledger = Ledger(tenant_id, loader, transformer, settings)
        ledger.recover()
        yield ledger


@dataclass(frozen=True)
class Ledger:
    """A tenant's ledger in the warehouse."""

    tenant_id: str
    loader: Warehouse
    transformer: Warehouse
    settings: Settings

    def recover(self) -> None:
        """Load what a killed posting has landed, before anything is compared with what stands."""
        self.loader.execute(
            "insert into finance.ledger_progress (tenant_id) values (%s) on conflict do nothing",
            [self.tenant_id],
        )
        if self.progress()["is_landing"]:
            landed = manifests(self.settings, f"{self.tenant_id}/{SOURCE}")
            for file in sorted(landed, key=lambda one: (one.landing_seq, one.path)):
                with self.loader.transaction():
                    for result in load_landed(self.loader, file, settings=self.settings):
                        self._accept(result)
        self.advance({})

    def progress(self) -> dict[str, Any]:
        """Return how far the ledger has come."""
        columns = "build_id, orders_load_id, held, is_landing"
        [row] = self.loader.rows(
            f"select {columns} from finance.ledger_progress where tenant_id = %s", [self.tenant_id]
        )
        return dict(zip(columns.split(", "), row, strict=True))

    def published(self) -> tuple[Tenant, dict[str, int]]:
        """Return the tenant, and up to which build and load of orders the marts stand."""
        tenant = published_tenant(self.transformer, self.tenant_id)
        [(is_whole, build, orders)] = self.transformer.rows(_UPTO)
        if not is_whole:
            raise PostingError(
                f"ledger of tenant {self.tenant_id}: a build is under way or has failed half-way,"
                " so credit and events may differ; post once `python -m include.transform` has succeeded"
            )
        return tenant, {"build": build, "orders": orders}

    def require_open(self, day: date) -> None:
        """Refuse to book from a day of a closed month on; while the ledger is held, none is closed."""
        first = first_open_day(self.settings, self.tenant_id)
        if day < first:
            raise PostingError(
                f"ledger of tenant {self.tenant_id}: nothing is booked before {first} any more, so not from"
                f" {day} on; a month has been closed meanwhile, post again"
            )

    def balances(self, kols: Iterable[str] | None) -> pa.Table:
        """Return the balances of some KOLs or of all."""
        return self.loader.query(
            "select kol_id, currency, account, amount, lines from finance.ledger_balances"
            " where tenant_id = %(tenant)s and (%(kols)s::text[] is null or kol_id = any (%(kols)s))",
            {"tenant": self.tenant_id, "kols": None if kols is None else sorted(kols)},
        )

    def land(self, entries: pa.Table, what: str, posting: Posting) -> None:
        """Land entries and load them, all or none."""
        if not entries.num_rows:
            return
        self._note({"is_landing": True})
        books.append_rows(
            self.loader, FEED, self.tenant_id, entries, what=what, source=SOURCE, at=posting.at,
            settings=self.settings,
        )  # fmt: skip

    def advance(self, values: Mapping[str, Any]) -> None:
        """Add the entries that were loaded to the balances, and note how far the ledger has come."""
        with self.loader.transaction():
            self.loader.execute(_ADD_TO_BALANCES, {"tenant": self.tenant_id})
            self._note({**values, "is_landing": False})

    def _note(self, values: Mapping[str, Any]) -> None:
        sets = ", ".join(f"{name} = %({name})s" for name in values)
        self.loader.execute(
            f"update finance.ledger_progress set {sets} where tenant_id = %(tenant_id)s",
            {**values, "tenant_id": self.tenant_id},
        )

    def _accept(self, result: LoadResult) -> None:
        if result.rows_quarantined or result.rows_conflicting:
            raise PostingError(
                f"ledger of tenant {self.tenant_id}, file {result.path}: {result.rows_quarantined} lines are"
                f" refused and {result.rows_conflicting} contradict entries that stand, so none is entered;"
                " look at the file with `python -m include.feeds check`"
            )


def _touch(
    ledger: Ledger, since: Mapping[str, Any], upto: Mapping[str, int], held: Collection[OrderKey]
) -> int:
    """Make the tables of the orders that are held and of those to look at; return how many these are."""
    changed = {tuple(key) for key in since["held"]} ^ set(held)
    values = {
        "tenant": ledger.tenant_id,
        "build": since["build_id"],
        "orders": since["orders_load_id"],
        "orders_upto": upto["orders"],
    }
    for name, keys in (("held", set(held)), ("changed", changed)):
        values[f"{name}_sources"] = [source for source, _ in sorted(keys)]
        values[f"{name}_ids"] = [order_id for _, order_id in sorted(keys)]
    for statement in ("select set_config('sokol.tenant_id', %(tenant)s, true)", _HELD, _TOUCHED):
        ledger.transformer.execute(statement, values)
    ledger.transformer.execute("analyze touched")
    return int(ledger.transformer.value("select count(*) from touched"))


def _texts(keys: Collection[OrderKey]) -> str:
    return json.dumps(sorted(keys))


def _kols(*tables: pa.Table) -> set[str]:
    return {kol for table in tables for kol in table["kol_id"].to_pylist() if kol is not None}


def read_as(transformer: Warehouse, statement: str, schema: pa.Schema) -> pa.Table:
    """Return the rows of a query as an Arrow table of the given columns."""
    text = b"".join(transformer.copy_out(statement, header=True))
    options = pacsv.ConvertOptions(
        column_types=schema,
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        true_values=["t"],
        false_values=["f"],
    )
    lines = pacsv.ParseOptions(newlines_in_values=True)
    return pacsv.read_csv(io.BytesIO(text), parse_options=lines, convert_options=options).select(schema.names)


# Credit, events and orders must be of one build, and the contracts be those that it has read.
_UPTO = """
    select
        count(*) filter (where watermarks.upstream = 'builds') = 3
        and min(position) filter (where watermarks.upstream = 'builds')
        = max(position) filter (where watermarks.upstream = 'builds')
        and max(position) filter (where model = 'int_orders__credit' and upstream = 'kol_contracts')
        is not distinct from (select load_id from ops.pins where feed = 'kol_contracts'),
        max(position) filter (where watermarks.upstream = 'builds'),
        coalesce(max(position) filter (where model = 'tracked_orders' and upstream = 'orders'), 0)
    from ops.watermarks
    where model in ('int_orders__credit', 'int_orders__events', 'tracked_orders')
"""

_HELD = """
    create temp table held on commit drop as
    select source, order_id
    from unnest(%(held_sources)s::text[], %(held_ids)s::text[]) as keys (source, order_id)
"""

# Every order that came or changed has been written anew by a build; one that left is told by its tombstone.
_TOUCHED = """
    create temp table touched on commit drop as
    select tenant_id, source, order_id from marts.tracked_orders
    where tenant_id = %(tenant)s and _build_id > %(build)s
    union
    select tenant_id, source, order_id from raw.orders
    where tenant_id = %(tenant)s and _deleted and _load_id > %(orders)s and _load_id <= %(orders_upto)s
    union
    select %(tenant)s, source, order_id
    from unnest(%(changed_sources)s::text[], %(changed_ids)s::text[]) as keys (source, order_id)
"""

_FACTS = """
    select
        events.source as order_source, events.order_id, events.event_type, events.event_id, events.event_date,
        events.kol_id, events.currency, credit.contract_id,
        cast(credit.commission_rate as numeric(6, 4)) as commission_rate,
        contracts.updated_at as contract_updated_at,
        cast(events.commission_amount as numeric(20, 4)) as commission_amount,
        held.order_id is not null as is_held
    from touched
    inner join intermediate.int_orders__events as events
        on touched.tenant_id = events.tenant_id and touched.source = events.source
        and touched.order_id = events.subject_id
    inner join intermediate.int_orders__credit as credit
        on touched.tenant_id = credit.tenant_id and touched.source = credit.source
        and touched.order_id = credit.order_id
    left join staging.stg_kol_contracts as contracts
        on credit.tenant_id = contracts.tenant_id and credit.contract_id = contracts.contract_id
    left join held on touched.source = held.source and touched.order_id = held.order_id
    where events.order_type = 'web' and events.credit_status = 'credited'
"""

_LINES = ", ".join(f"entries.{name}" for name in ENTRIES.names)

_STANDING = f"""
    select {_LINES}
    from touched
    inner join raw.ledger_entries as entries
        on touched.tenant_id = entries.tenant_id and touched.source = entries.order_source
        and touched.order_id = entries.order_id
"""

# Entries of no order are few, and found by the same index.
_CHARGED = f"""
    select {_LINES}
    from raw.ledger_entries as entries
    where entries.tenant_id = current_setting('sokol.tenant_id')
        and entries.order_source is null and entries.order_id is null and entries.account = 'penalty_income'
"""

_CONTRACTS = """
    select contract_id, kol_id, currency, ends_on, target_orders, target_penalty,
        (
            select count(*) from marts.tracked_orders as orders
            where orders.tenant_id = contracts.tenant_id and orders.kol_id = contracts.kol_id
                and orders.contract_id = contracts.contract_id
                and orders.is_completed and orders.credit_status = 'credited'
        ) as orders
    from staging.stg_kol_contracts as contracts
    where contracts.tenant_id = current_setting('sokol.tenant_id') and target_orders is not null
"""

# One statement sees one state: a load that commits meanwhile is added the next time.
_ADD_TO_BALANCES = f"""
    with upto as (
        select coalesce(max(load_id), 0) as load_id from ops.loads where feed = '{FEED}'
    ),
    added as (
        select entries.tenant_id, kol_id, currency, account, sum(amount) as amount, count(*) as lines
        from raw.{FEED} as entries
        inner join finance.ledger_progress as progress on entries.tenant_id = progress.tenant_id
        where entries.tenant_id = %(tenant)s
            and entries._load_id > progress.entries_load_id and entries._load_id <= (select load_id from upto)
        group by 1, 2, 3, 4
    ),
    put as (
        insert into finance.ledger_balances as balances (tenant_id, kol_id, currency, account, amount, lines)
        select * from added
        on conflict (tenant_id, kol_id, currency, account) do update
        set amount = balances.amount + excluded.amount, lines = balances.lines + excluded.lines
    )
    update finance.ledger_progress set entries_load_id = upto.load_id
    from upto
    where tenant_id = %(tenant)s
"""
