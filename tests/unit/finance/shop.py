"""Shops whose orders, terms and flags change from night to night, and what their books must come to."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.finance.closing import journal
from include.finance.ledger import commission as ledger
from include.finance.ledger.commission import BALANCES, CONTRACTS, ENTRIES, FACTS, Posting

Key = tuple[str, str]
Row = dict[str, Any]

NEW_YEAR = date(2026, 1, 1)
UNITS = {"USD": Decimal("0.01"), "VND": Decimal(1), "KWD": Decimal("0.001")}
ZERO = Decimal(0)


def table(rows: Iterable[Row], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema)


@dataclass(frozen=True)
class Terms:
    """A KOL's contract as it stands; ``contract_id`` and ``rate`` decide what an order earns."""

    contract_id: str
    rate: Decimal
    version: int = 0
    target: int | None = None
    penalty: Decimal | None = None
    ends_on: date = date(2026, 1, 15)


@dataclass
class Order:
    """An order as its sources tell it now; refunds by id: day and gross amount."""

    order_id: str
    currency: str
    gross: Decimal
    completed: date | None
    kol: str | None
    refunds: dict[str, tuple[date, Decimal]] = field(default_factory=dict)
    cancelled: date | None = None
    is_held: bool = False

    def facts(self, terms: Terms | None) -> list[Row]:
        """Return what its events earn, by the definitions: VAT is 10 %, refunds go before a cancellation."""
        if self.completed is None or self.kol is None or terms is None:
            return []
        unit = UNITS[self.currency]
        moments = [(self.completed, 0, "completion", "", ZERO)]
        moments += [
            (max(day, self.completed), 1, "refund", name, amount)
            for name, (day, amount) in self.refunds.items()
        ]
        if self.cancelled is not None:
            moments.append((max(self.cancelled, self.completed), 2, "cancellation", "", ZERO))
        vat = (self.gross / 11).quantize(unit, ROUND_HALF_UP)
        rows: list[Row] = []
        refunded, left, is_cancelled = ZERO, ZERO, False
        for day, _, kind, name, amount in sorted(moments):
            refunded += amount
            is_cancelled |= kind == "cancellation"
            gross = self.gross - (max(refunded, self.gross) if is_cancelled else refunded)
            net = gross - (vat * gross / self.gross).quantize(unit, ROUND_HALF_UP)
            after = (terms.rate * max(net, ZERO)).quantize(unit, ROUND_HALF_UP)
            rows.append(
                {
                    "order_source": "shop", "order_id": self.order_id, "event_type": kind, "event_id": name,
                    "event_date": day, "kol_id": self.kol, "currency": self.currency,
                    "contract_id": terms.contract_id, "commission_rate": terms.rate,
                    "contract_updated_at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=terms.version),
                    "commission_amount": after - left, "is_held": self.is_held, "net": net,
                }
            )  # fmt: skip
            left = after
        return rows


@dataclass
class Shop:
    """All orders, payments and terms of a tenant; a payment by its id: day, currency, amount and fee."""

    orders: dict[str, Order] = field(default_factory=dict)
    terms: dict[str, Terms] = field(default_factory=dict)
    payments: dict[str, tuple[date, str, Decimal, Decimal]] = field(default_factory=dict)

    def facts(self, orders: Iterable[str] | None = None) -> list[Row]:
        wanted = sorted(self.orders if orders is None else set(orders) & set(self.orders))
        return [
            row
            for name in wanted
            for row in self.orders[name].facts(self.terms.get(self.orders[name].kol or ""))
        ]

    def money_facts(self, records: Iterable[str] | None = None) -> list[Row]:
        """Return what orders and payments of these ids say of money; VAT is 10 %, a tenth was given off."""
        rows: list[Row] = []

        def add(name: str, event: tuple[str, str, str], day: date, code: str, *amounts: Decimal) -> None:
            kind, event_type, event_id = event
            told = dict(zip(journal.AMOUNTS, amounts, strict=True))
            rows.append(
                {
                    "record_type": kind, "source": "shop", "record_id": name, "event_type": event_type,
                    "event_id": event_id or None, "event_date": day, "currency": code,
                } | told
            )  # fmt: skip

        for name, order in sorted(self.orders.items()):
            if order.completed is None or (records is not None and name not in records):
                continue
            unit = UNITS[order.currency]
            changes = [("completion", "", order.completed, order.gross, (order.gross / 10).quantize(unit))]
            changes += [
                ("refund", refund, day, -amount, ZERO) for refund, (day, amount) in order.refunds.items()
            ]
            for event_type, event_id, day, amount, off in changes:
                vat = (amount / 11).quantize(unit, ROUND_HALF_UP)
                add(name, ("order", event_type, event_id), day, order.currency, amount, vat, off, ZERO)
        for name, (day, code, amount, fee) in sorted(self.payments.items()):
            if records is None or name in records:
                add(name, ("payment", "charge", ""), day, code, amount, ZERO, ZERO, fee)
        return rows

    def contracts(self) -> list[Row]:
        return [
            {
                "contract_id": terms.contract_id, "kol_id": kol, "currency": "USD", "ends_on": terms.ends_on,
                "target_orders": terms.target, "target_penalty": terms.penalty,
                "orders": sum(
                    order.kol == kol and order.completed is not None for order in self.orders.values()
                ),
            }
            for kol, terms in sorted(self.terms.items()) if terms.target is not None
        ]  # fmt: skip


@dataclass
class Journal:
    """A journal as it grows, written by the function under test alone; every step is checked."""

    entries: pa.Table = field(default_factory=lambda: table([], journal.ENTRIES))
    open_from: date = NEW_YEAR
    day: date = NEW_YEAR
    rows: list[Row] = field(default_factory=list)

    def post(self, shop: Shop, touched: Iterable[str], *, is_repeated: bool = False) -> None:
        """Enter what the shop says of the touched records."""
        touched = set(touched)
        facts = table(shop.money_facts(touched), journal.MONEY_FACTS)
        made = self._difference(facts, touched)
        ids = [row["entry_id"] for row in self.rows] + made["entry_id"].to_pylist()
        assert len(set(ids)) == len(ids), "an id is used again"
        for row in made.to_pylist():
            assert row["posting_date"] == max(row["event_date"], self.open_from), "posted into a closed month"
            assert (row["entry_type"] == "adjustment") == (row["event_date"] < self.open_from)
            assert any(row[name] for name in journal.AMOUNTS), "an entry changes nothing"
            self.rows.append(row)
        self.entries = pa.concat_tables([self.entries, made])
        if is_repeated:
            assert self._difference(facts, touched).num_rows == 0, "a replay posts something"

    def sums(self) -> dict[tuple[Any, ...], tuple[Decimal, ...]]:
        """Return what is entered of each event by currency and day, where that is anything."""
        return _sums(self.rows)

    def assert_ties(self, shop: Shop) -> None:
        """Hold the journal against the facts as they are now."""
        assert self.sums() == _sums(shop.money_facts())

    def _difference(self, facts: pa.Table, touched: set[str]) -> pa.Table:
        is_touched = pc.is_in(self.entries["record_id"], pa.array(sorted(touched), pa.string()))
        at = datetime(self.day.year, self.day.month, self.day.day, 22, tzinfo=UTC)
        posting = Posting("acme", self.open_from, self.day, at, "test")
        return journal.enter(facts, self.entries.filter(is_touched), posting)


def _sums(rows: Iterable[Row]) -> dict[tuple[Any, ...], tuple[Decimal, ...]]:
    found: dict[tuple[Any, ...], tuple[Decimal, ...]] = {}
    by = ("record_type", "source", "record_id", "event_type", "event_id", "currency", "event_date")
    for row in rows:
        key = tuple(row[name] for name in by)
        before = found.get(key, (ZERO,) * len(journal.AMOUNTS))
        found[key] = tuple(had + row[name] for had, name in zip(before, journal.AMOUNTS, strict=True))
    return {key: amounts for key, amounts in found.items() if any(amounts)}


@dataclass
class Books:
    """A ledger as it grows, written by the functions under test alone; every step is checked."""

    entries: pa.Table = field(default_factory=lambda: table([], ENTRIES))
    open_from: date = NEW_YEAR
    day: date = NEW_YEAR
    rows: list[Row] = field(default_factory=list)

    def posting(self) -> Posting:
        at = datetime(self.day.year, self.day.month, self.day.day, 22, tzinfo=UTC)
        return Posting("acme", self.open_from, self.day, at, "test")

    def post(self, shop: Shop, touched: Iterable[str], *, is_repeated: bool = False) -> None:
        """Post what the shop says of the touched orders."""
        touched = set(touched)
        facts = table(shop.facts(touched), FACTS)
        self.append(self._difference(facts, touched))
        if is_repeated:
            assert self._difference(facts, touched).num_rows == 0, "a replay posts something"

    def penalties(self, shop: Shop) -> None:
        """Post the penalties that are due."""
        contracts = table(shop.contracts(), CONTRACTS)
        if contracts.num_rows or "penalty_income" in {row["account"] for row in self.rows}:
            self.append(self._due(contracts))
            assert self._due(contracts).num_rows == 0, "a replay posts something"

    def pay(self, share: Decimal = Decimal(1), only: Sequence[str] = ()) -> None:
        """Pay a share of what is payable, to all KOLs or only some."""
        amounts = {
            (kol, code): (most * share).quantize(UNITS[code], ROUND_HALF_UP)
            for (kol, code), most in ledger.payable(self.balances()).items()
            if not only or kol in only
        }
        amounts = {key: amount for key, amount in amounts.items() if amount}
        owed = self.sums("kol_id", "currency", where="kol_payable")
        made = ledger.pay(self.balances(), self.posting(), reason="payout", amounts=amounts)
        for row in made.to_pylist():
            key = row["kol_id"], row["currency"]
            assert row["account"] != "cash" or 0 < -row["amount"] <= -owed.get(key, ZERO), (
                "more was paid than owed"
            )
        self.append(made)

    def balances(self, kols: Iterable[str] | None = None) -> pa.Table:
        """Return the balances of some KOLs or of all, summed by other means than the ledger's own."""
        wanted = None if kols is None else set(kols)
        sums: dict[tuple[str, str, str], tuple[Decimal, int]] = {}
        for row in self.rows:
            key = row["kol_id"], row["currency"], row["account"]
            if wanted is None or row["kol_id"] in wanted:
                amount, lines = sums.get(key, (ZERO, 0))
                sums[key] = amount + row["amount"], lines + 1
        return pa.Table.from_pylist(
            [dict(zip(BALANCES.names, (*key, *told), strict=True)) for key, told in sums.items()], BALANCES
        )

    def append(self, made: pa.Table) -> None:
        """Add entries, holding each to what must be true of it whatever happened."""
        rows = made.to_pylist()
        known = {row["entry_id"] for row in self.rows}
        ids = [row["entry_id"] for row in rows]
        assert len(set(ids)) == len(ids)
        assert not known & set(ids), "an id is used again"
        sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        for row in rows:
            sums[row["transaction_id"], row["kol_id"], row["currency"]] += row["amount"]
            assert row["posting_date"] >= self.open_from, "posted into a closed month"
            assert row["posting_date"] == max(row["event_date"], self.open_from)
            assert row["amount"] % UNITS[row["currency"]] == 0
            assert row["amount"] != 0
        assert not any(sums.values()), "a transaction does not sum to zero"
        assert len({transaction for transaction, _, _ in sums}) == len(sums), "a transaction has two KOLs"
        self.entries = pa.concat_tables([self.entries, made])
        self.rows += rows
        self._check_limits()

    def _check_limits(self) -> None:
        """Nobody is paid more than was payable, nor anything reversed that was not accrued."""
        accounts = self.sums("kol_id", "currency", "account")
        for (kol, code, account), amount in accounts.items():
            if account == "kol_payable":
                assert amount <= 0, "the KOL owes what is payable"
                owed = accounts.get((kol, code, "kol_receivable"), ZERO)
                assert owed >= 0
                assert not (amount and owed), "payable and receivable at once"
        accrued = self.sums("order_id", "kol_id", "currency", "contract_id", where="commission_expense")
        assert min(accrued.values(), default=ZERO) >= 0, "more was reversed than accrued"

    def sums(self, *by: str, where: str | None = None) -> dict[tuple[Any, ...], Decimal]:
        """Return the balances by some columns, where they are not zero; of one account or of all."""
        found: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
        for row in self.rows:
            if where is None or row["account"] == where:
                found[tuple(row[name] for name in by)] += row["amount"]
        return {key: amount for key, amount in found.items() if amount}

    def _difference(self, facts: pa.Table, touched: set[str]) -> pa.Table:
        is_touched = pc.is_in(self.entries["order_id"], pa.array(sorted(touched), pa.string()))
        standing = self.entries.filter(is_touched)
        kols = set(facts["kol_id"].to_pylist()) | set(standing["kol_id"].to_pylist())
        return ledger.post(facts, standing, self.balances(kols), self.posting())

    def _due(self, contracts: pa.Table) -> pa.Table:
        standing = self.entries.filter(pc.equal(self.entries["account"], "penalty_income"))
        kols = set(contracts["kol_id"].to_pylist()) | set(standing["kol_id"].to_pylist())
        return ledger.penalties(contracts, standing, self.balances(kols), self.posting())


def assert_ties(books: Books, shop: Shop) -> None:
    """Hold a ledger that has seen everything against the facts as they are now and its payouts."""
    earned: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    by_day: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    accounts: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    position: dict[Key, Decimal] = defaultdict(Decimal)
    held: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    nets: dict[tuple[Any, ...], tuple[Decimal, Decimal]] = {}
    for row in shop.facts():
        kol, code, amount = row["kol_id"], row["currency"], row["commission_amount"]
        earned[row["order_id"], kol, code] += amount
        nets[row["order_id"], kol, code] = (row["commission_rate"] * max(row["net"], ZERO), UNITS[code])
        by_day[kol, code, row["contract_id"], row["commission_rate"], row["event_date"]] += amount
        accounts[kol, code, "commission_expense"] += amount
        if row["is_held"]:
            held[row["order_id"], kol, code] -= amount
            accounts[kol, code, "kol_held"] -= amount
        else:
            position[kol, code] -= amount
    for contract in shop.contracts():
        if contract["ends_on"] < books.day and contract["orders"] < contract["target_orders"]:
            key = contract["kol_id"], contract["currency"]
            accounts[*key, "penalty_income"] -= contract["target_penalty"]
            position[key] += contract["target_penalty"]
    for (kol, code), paid in books.sums("kol_id", "currency", where="cash").items():
        accounts[kol, code, "cash"] += paid
        position[kol, code] -= paid
    for (kol, code), amount in position.items():
        accounts[kol, code, "kol_payable"] += min(amount, ZERO)
        accounts[kol, code, "kol_receivable"] += max(amount, ZERO)

    def told(sums: dict[tuple[Any, ...], Decimal]) -> dict[tuple[Any, ...], Decimal]:
        return {key: amount for key, amount in sums.items() if amount}

    assert books.sums("kol_id", "currency", "account") == told(accounts)
    posted = books.sums("order_id", "kol_id", "currency", where="commission_expense")
    assert posted == told(earned)
    for key, amount in posted.items():
        most, unit = nets[key]
        assert abs(amount - most) <= unit / 2, "an order earned more than its rate of its net"
    of_day = ("kol_id", "currency", "contract_id", "commission_rate", "event_date")
    assert books.sums(*of_day, where="commission_expense") == told(by_day)
    assert books.sums("order_id", "kol_id", "currency", where="kol_held") == told(held)


def assert_like_scratch(books: Books, shop: Shop) -> None:
    """Hold a ledger against one that is posted once, from the final facts, and then given the same payouts.

    Whether a KOL is owed or owes is told by the sum of both accounts alone, so they are compared as one.
    """
    anew = Books(day=books.day)
    anew.post(shop, shop.orders)
    anew.penalties(shop)
    payouts = [row for row in books.rows if row["entry_type"] == "payout"]

    def told(rows: Iterable[Row]) -> dict[tuple[str, str, str], Decimal]:
        sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        for row in rows:
            account = row["account"]
            if account in ("kol_payable", "kol_receivable"):
                account = "position"
            sums[row["kol_id"], row["currency"], account] += row["amount"]
        return {key: amount for key, amount in sums.items() if amount}

    assert told(books.rows) == told([*anew.rows, *payouts])
