"""Ledger and journal come to what the facts say, whatever happened; a poster with a defect is found out."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from include.finance.closing import journal
from include.finance.ledger import commission as ledger
from include.finance.ledger.commission import BALANCES, CONTRACTS, ENTRIES, FACTS, LedgerError, Posting
from include.settings import PROJECT_ROOT
from tests.unit.finance.shop import (
    NEW_YEAR,
    UNITS,
    Books,
    Journal,
    Order,
    Shop,
    Terms,
    assert_like_scratch,
    assert_ties,
    table,
)

KOLS = ("ana", "binh", "chi")
ORDERS = tuple(f"o{number}" for number in range(20))
PAYMENTS = tuple(f"p{number}" for number in range(6))
Action = tuple[Any, ...]

days = st.integers(0, 70).map(lambda number: NEW_YEAR + timedelta(days=number))
order_ids = st.sampled_from(ORDERS)
kols = st.sampled_from((*KOLS, *KOLS, None))
rates = st.sampled_from(("0", "0.0333", "0.1", "0.1250", "0.9")).map(Decimal)
currencies = st.sampled_from(("USD", "USD", "VND", "KWD"))
targets = st.sampled_from((None, 4, 6, 8))
placed = st.tuples(st.just("order"), order_ids, currencies, st.integers(1, 99_999), days, kols)
credited = st.tuples(st.just("credit"), order_ids, kols)
refunded = st.tuples(st.just("refund"), order_ids, st.sampled_from("ab"), st.integers(1, 110), days)
flagged = st.tuples(st.just("flag"), order_ids)
signed = st.tuples(st.just("contract"), st.sampled_from(KOLS), rates, targets)
fees = st.sampled_from(("0", "0.3", "0.4444")).map(Decimal)
actions = st.one_of(
    placed, credited, credited, refunded, refunded, flagged, flagged, signed,
    st.tuples(st.just("unrefund"), order_ids, st.sampled_from("ab")),
    st.tuples(st.just("cancel"), order_ids, st.one_of(days, st.none())),
    st.tuples(st.just("completed"), order_ids, st.one_of(days, st.none())),
    st.tuples(st.just("rate"), st.sampled_from(KOLS), rates),
    st.tuples(st.just("charge"), st.sampled_from(PAYMENTS), days, currencies, st.integers(1, 99_999), fees),
    st.tuples(st.just("fee"), st.sampled_from(PAYMENTS), fees),
    st.tuples(st.just("uncharge"), st.sampled_from(PAYMENTS)),
)  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def one_engine() -> Iterator[None]:
    """Start DuckDB once; starting it anew for each posting would take half of the time."""
    engine = duckdb.connect(config={"threads": 1})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duckdb, "connect", lambda **_: engine.cursor())
        yield
    engine.close()


@dataclass
class Night:
    """What changes before the night, whether it runs twice, and what follows: a share to pay out, a close."""

    actions: list[Action]
    days: int = 1
    is_repeated: bool = True
    pays: tuple[int, str | None] | None = None
    closes: bool = False


nights = st.builds(
    Night,
    actions=st.lists(actions, min_size=12, max_size=40),
    days=st.sampled_from((0, 1, 35)),
    is_repeated=st.booleans(),
    pays=st.one_of(st.none(), st.just((100, None)), st.tuples(st.integers(1, 100), kols)),
    closes=st.booleans(),
)
first_orders = st.tuples(
    *(
        st.tuples(st.just("order"), st.just(name), currencies, st.integers(100, 99_999), days, kols)
        for name in ORDERS
    )
)


@st.composite
def histories(draw: st.DrawFn) -> list[Night]:
    """Draw nights of which the first brings orders and the others change them."""
    first = Night(list(draw(first_orders)), pays=draw(st.sampled_from((None, (100, None)))))
    return [first, *draw(st.lists(nights, min_size=2, max_size=3))]


def opened() -> Shop:
    """Give a shop whose KOLs have contracts."""
    signed = Terms("c", Decimal("0.1"), target=6, penalty=Decimal(25))
    return Shop(terms={kol: replace(signed, contract_id=f"c-{kol}") for kol in KOLS})


def apply(shop: Shop, action: Action) -> set[str]:
    """Change the shop; return the orders that this touches."""
    kind, name, *values = action
    if kind == "order":
        currency, units, day, kol = values
        before = shop.orders.get(name)
        made = Order(name, currency, units * UNITS[currency], day, kol)
        shop.orders[name] = replace(made, is_held=before.is_held) if before else made
        return {name}
    if kind in ("rate", "contract"):
        old = shop.terms[name]
        changed = replace(old, rate=values[0], version=old.version + 1)
        if kind == "contract":
            contract_id = f"c-{name}-{old.version % 3}"
            penalty = None if values[1] is None else Decimal(25)
            changed = replace(changed, contract_id=contract_id, target=values[1], penalty=penalty)
        shop.terms[name] = changed
        return {order.order_id for order in shop.orders.values() if order.kol == name}
    if kind == "charge":
        day, currency, units, fee = values
        shop.payments[name] = (day, currency, units * UNITS[currency], fee)
        return {name}
    if kind == "fee":
        if name in shop.payments:
            shop.payments[name] = (*shop.payments[name][:3], values[0])
        return {name}
    if kind == "uncharge":
        shop.payments.pop(name, None)
        return {name}
    order = shop.orders.get(name)
    if order is None:
        return {name}
    if kind == "refund":
        refund, share, day = values
        amount = max(UNITS[order.currency], (order.gross * share / 100).quantize(UNITS[order.currency]))
        order.refunds[refund] = (day, amount)
    elif kind == "unrefund":
        order.refunds.pop(values[0], None)
    elif kind == "flag":
        order.is_held = not order.is_held
    else:
        attribute = {"cancel": "cancelled", "credit": "kol", "completed": "completed"}[kind]
        setattr(order, attribute, values[0])
    return {name}


@dataclass
class Told:
    """A history as it was lived: the books, the shop in the end, the shop of each night, and what each close
    left: first open day -> all that stood before it."""

    books: Books = field(default_factory=Books)
    journal: Journal = field(default_factory=Journal)
    closed: dict[date, list[dict[str, Any]]] = field(default_factory=dict)
    shop: Shop = field(default_factory=opened)
    snapshots: list[tuple[Shop, set[str], date, date]] = field(default_factory=list)


def booked_before(told: Told, day: date) -> list[dict[str, Any]]:
    """Return all lines and entries that are booked before a day."""
    return [row for row in (*told.books.rows, *told.journal.rows) if row["posting_date"] < day]


def close(told: Told) -> None:
    """Close all months that are over, and keep what they say; what was closed before still says the same."""
    first_open = told.books.day.replace(day=1)
    told.books.open_from = told.journal.open_from = first_open
    told.closed.setdefault(first_open, booked_before(told, first_open))


def live(history: list[Night]) -> Told:
    """Live through a history; the books tie after each night, and a closed month is what it was."""
    told = Told()
    books, shop = told.books, told.shop
    for night in history:
        touched = {name for action in night.actions for name in apply(shop, action)}
        books.day += timedelta(days=night.days)
        told.journal.day = books.day
        told.snapshots.append((copy.deepcopy(shop), touched, books.day, books.open_from))
        books.post(shop, touched, is_repeated=night.is_repeated)
        books.penalties(shop)
        assert_ties(books, shop)
        told.journal.post(shop, touched, is_repeated=night.is_repeated)
        told.journal.assert_ties(shop)
        if night.pays:
            share, only = night.pays
            books.pay(Decimal(share) / 100, [only] if only else [])
            assert_ties(books, shop)
        for day, rows in told.closed.items():
            assert booked_before(told, day) == rows, "a closed month has changed"
        if night.closes:
            close(told)
    return told


def enter(history: list[Night]) -> None:
    """Live through a history with a journal alone."""
    shop, entered = opened(), Journal()
    for night in history:
        touched = {name for action in night.actions for name in apply(shop, action)}
        entered.day += timedelta(days=night.days)
        entered.post(shop, touched, is_repeated=night.is_repeated)
        entered.assert_ties(shop)
        if night.closes:
            entered.open_from = entered.day.replace(day=1)


def check(history: list[Night]) -> None:
    """Hold a history to all that a ledger promises."""
    told = live(history)
    assert_like_scratch(told.books, told.shop)


quick = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@quick
@given(histories())
def test_any_history_comes_to_the_ledger_of_its_final_facts(history: list[Night]) -> None:
    check(history)


@quick
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_nights_does_not_matter(history: list[Night], chance: Any) -> None:
    told = live([replace(night, pays=None) for night in history])
    shuffled = list(told.snapshots)
    chance.shuffle(shuffled)
    other, entered = Books(), Journal()
    for (shop, touched, _, _), (_, _, day, open_from) in zip(shuffled, told.snapshots, strict=True):
        other.day, other.open_from = day, open_from
        entered.day, entered.open_from = day, open_from
        other.post(shop, touched)
        entered.post(shop, touched)
    other.post(told.shop, told.shop.orders)
    entered.post(told.shop, (*ORDERS, *PAYMENTS))
    assert entered.sums() == told.journal.sums()
    other.penalties(told.shop)
    assert_ties(other, told.shop)
    by = ("order_id", "kol_id", "currency", "account")
    assert other.sums(*by) == told.books.sums(*by)


CREDITS = "greatest(payable + receivable, 0)"
DEFECTS = {
    "posts into closed months": ("_ENTRIES", "getvariable('posting_open_from')", "event_date"),
    "writes lines that do not balance": ("_ENTRIES", "amount, -amount", "amount, -round(amount)"),
    "names a second correction like the first": ("_DIFFERENCES", "orders.lines as number", "0 as number"),
    "names a second clawback like the first": ("_SETTLEMENTS", "sum(lines) as number", "0 as number"),
    "forgets what is posted": ("_COMPARED", "where account = 'commission_expense'", "where false"),
    "leaves commission with the KOL who lost the credit": (
        "_DIFFERENCES", "where amount <> 0", "where amount <> 0 and (now is null or now.kol = kol_id)",
    ),
    "leaves commission of events that are gone": (
        "_DIFFERENCES", "where amount <> 0", "where amount <> 0 and now is not null",
    ),
    "never reverses": ("_COMPARED", "where commission_amount <> 0", "where commission_amount > 0"),
    "books refunds on the day of the posting": (
        "_COMPARED", "as event_id, event_date, kol_id, currency,\n        contract_id, commission_rate, true",
        "as event_id, if(event_type = 'refund', getvariable('posting_day'), event_date) as event_date,"
        " kol_id, currency, contract_id, commission_rate, true",
    ),
    "pays out what is held": ("_DIFFERENCES", "'kol_held', 'kol_payable'", "'kol_payable', 'kol_payable'"),
    "never releases": (
        "_HOLDS", "if(orders.is_held, 'kol_payable', 'kol_held')", "if(orders.is_held, 'kol_payable', '')",
    ),
    "lets the overpaid keep it": ("_SETTLEMENTS", CREDITS, "receivable"),
    "never sets off what a KOL owes": ("_SETTLEMENTS", CREDITS, "greatest(payable + receivable, receivable)"),
    "claws back too much": ("_SETTLEMENTS", CREDITS, "greatest(payable, 0)"),
    "keeps a penalty that is due no longer": ("_PENALTIES", "where amount <> 0", "where amount > 0"),
    "charges a penalty before the contract has ended": (
        "_PENALTIES", "ends_on < getvariable('posting_day') and", "",
    ),
}  # fmt: skip
"""What a wrong poster would do: the statement, its text, and the text with the defect."""

JOURNAL_DEFECTS = {
    "posts into closed months": ("greatest(event_date, getvariable('posting_open_from'))", "event_date"),
    "books everything on the first open day": (
        "greatest(event_date, getvariable('posting_open_from'))", "getvariable('posting_open_from')",
    ),
    "calls every entry an entry": ("'adjustment', 'entry'", "'entry', 'entry'"),
    "names a second change like the first": ("sum(entries) over event as number", "0 as number"),
    "forgets what is entered": ("from standing", "from standing where false"),
    "keeps what counts no longer": (
        "said_amount <> stood_amount or", "said_amount > stood_amount or",
    ),
    "does not look at fees": ("or said_fee_amount <> stood_fee_amount", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFECTS)
def test_a_poster_with_a_defect_is_found_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    constant, text, defect = DEFECTS[name]
    statement = getattr(ledger, constant)
    assert text in statement
    monkeypatch.setattr(ledger, constant, statement.replace(text, defect))
    search = settings(quick, max_examples=20, phases=[Phase.generate], derandomize=True, database=None)
    with pytest.raises(AssertionError):
        search(given(histories())(check))()


@pytest.mark.parametrize("name", JOURNAL_DEFECTS)
def test_a_journal_with_a_defect_is_found_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, defect = JOURNAL_DEFECTS[name]
    assert text in journal._ENTRIES
    monkeypatch.setattr(journal, "_ENTRIES", journal._ENTRIES.replace(text, defect))
    search = settings(quick, max_examples=20, phases=[Phase.generate], derandomize=True, database=None)
    with pytest.raises(AssertionError):
        search(given(histories())(enter))()


def test_a_payer_who_pays_too_much_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def generous(balances: pa.Table) -> dict[tuple[str, str], Decimal]:
        return {key: 2 * amount for key, amount in right(balances).items()}

    right = ledger.payable
    monkeypatch.setattr(ledger, "payable", generous)
    search = settings(quick, max_examples=20, phases=[Phase.generate], derandomize=True, database=None)
    with pytest.raises(AssertionError, match="more was paid than owed"):
        search(given(histories())(check))()


def test_the_documented_example_is_what_is_posted() -> None:
    text = (PROJECT_ROOT / "docs" / "ledger.md").read_text()
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| 2026-")]
    shop, books = Shop(terms={"ana": Terms("c1", Decimal("0.10"))}), Books()
    order, later = (
        Order(name, "USD", gross, day, "ana")
        for name, gross, day in (
            ("o1", Decimal(110), date(2026, 3, 2)),
            ("o2", Decimal(220), date(2026, 4, 8)),
        )
    )
    made: list[list[str]] = []

    def night(day: date, do: Callable[[], None]) -> None:
        books.day, known = day, len(books.rows)
        do()
        for first, second in zip(books.rows[known::2], books.rows[known + 1 :: 2], strict=True):
            debit, credit = (first, second) if first["amount"] > 0 else (second, first)
            told = [first["entry_type"], first["event_date"], first["posting_date"]]
            told += [debit["account"], credit["account"], f"{debit['amount']:.2f}"]
            made.append([str(day), *map(str, told)])

    def post() -> None:
        books.post(shop, shop.orders)

    shop.orders["o1"] = order
    night(date(2026, 3, 2), post)
    night(date(2026, 3, 31), books.pay)
    books.open_from = date(2026, 4, 1)
    order.refunds["r1"] = (date(2026, 3, 30), Decimal(55))
    night(date(2026, 4, 3), post)
    shop.terms["ana"] = Terms("c1", Decimal("0.12"), version=1)
    night(date(2026, 4, 5), post)
    later.is_held, shop.orders["o2"] = True, later
    night(date(2026, 4, 8), post)
    later.is_held = False
    night(date(2026, 4, 10), post)
    assert sorted(made) == sorted(lines)
    assert books.sums("account") == {
        ("commission_expense",): 30, ("cash",): -10, ("kol_payable",): -20,
    }  # fmt: skip


def fact(**values: Any) -> dict[str, Any]:
    """Return a completion that earns Ana 10 USD."""
    return {
        "order_source": "shop", "order_id": "o1", "event_type": "completion", "event_id": "",
        "event_date": date(2026, 1, 2), "kol_id": "ana", "currency": "USD", "contract_id": "c1",
        "commission_rate": Decimal("0.1"), "contract_updated_at": datetime(2026, 1, 1, tzinfo=UTC),
        "commission_amount": Decimal(10), "is_held": False,
    } | values  # fmt: skip


REFUND = {"event_type": "refund", "event_id": "r1", "commission_amount": Decimal(-4)}
POSTING = Posting("acme", NEW_YEAR, date(2026, 1, 20), datetime(2026, 1, 20, 22, tzinfo=UTC), "test")


def posted(*nights: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Post the facts of one night after the other; return what the last one added."""
    entries = made = table([], ENTRIES)
    for facts in nights:
        made = ledger.post(table(facts, FACTS), entries, ledger.totals(entries), POSTING)
        entries = pa.concat_tables([entries, made])
    rows: list[dict[str, Any]] = made.to_pylist()
    return rows


def test_an_interrupted_posting_is_repeated_to_the_letter() -> None:
    facts, none = table([fact(), fact(**REFUND)], FACTS), table([], ENTRIES)
    first, again = (ledger.post(facts, none, table([], BALANCES), POSTING) for _ in range(2))
    assert first.equals(again)
    backwards = table([fact(**REFUND), fact()], FACTS)
    assert ledger.post(backwards, none, table([], BALANCES), POSTING).equals(first)
    other = ledger.post(facts, none, table([], BALANCES), replace(POSTING, tenant_id="other"))
    assert not set(other["entry_id"].to_pylist()) & set(first["entry_id"].to_pylist())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kol_id": "binh", "contract_id": "c2"}, "credit moved from ana to binh"),
        (
            {"commission_rate": Decimal("0.12"), "commission_amount": Decimal(12)},
            "terms moved from 0.1000 of c1 to 0.1200 of c1",
        ),
        ({"contract_id": "c2"}, "terms moved from 0.1000 of c1 to 0.1000 of c2"),
        ({"event_date": date(2026, 1, 3)}, "day moved from 2026-01-02 to 2026-01-03"),
        ({"currency": "EUR"}, "amount changed"),
        ({"commission_amount": Decimal("9.99")}, "amount changed"),
        ({"commission_amount": Decimal(0)}, "earns nothing any more"),
    ],
)
def test_a_correction_says_what_changed(change: dict[str, Any], reason: str) -> None:
    rows = posted([fact()], [fact(**change)])
    assert {(row["entry_type"], row["reason"]) for row in rows} == {("correction", reason)}


def test_entries_say_by_which_terms_they_were_made() -> None:
    newer = {"contract_updated_at": datetime(2026, 1, 9, tzinfo=UTC)}
    assert posted([fact()], [fact(**newer)]) == [], "the same terms in a newer version earn the same"
    [first, _] = posted([fact()])
    [again, _] = posted([fact(**newer)])
    assert first["rule_version"] != again["rule_version"]
    rows = posted([fact()], [fact(**newer, commission_rate=Decimal("0.2"), commission_amount=Decimal(20))])
    versions = {row["commission_rate"]: row["rule_version"] for row in rows}
    assert versions[Decimal("0.1")] == first["rule_version"]
    assert versions[Decimal("0.2")] not in (first["rule_version"], again["rule_version"])


def test_what_comes_back_is_earned_again() -> None:
    rows = posted([fact()], [], [fact()])
    assert [(row["entry_type"], row["reason"], row["amount"]) for row in rows] == [
        ("correction", "earns again", 10), ("correction", "earns again", -10),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "fault"),
    [
        ([fact(), fact(kol_id="binh")], "two facts of one event, shop order o1"),
        ([fact(**REFUND)], "more is reversed than was earned, shop order o1"),
        ([fact(contract_id=None)], "commission without KOL or contract, shop order o1"),
        ([fact(kol_id=None)], "commission without KOL or contract, shop order o1"),
        (
            [fact(currency="VND", commission_amount=Decimal("0.5"))],
            "an amount that its currency does not have",
        ),
        ([fact(currency="XXQ")], "an amount that its currency does not have, KOL ana 10.0000 XXQ shop o1"),
    ],
)
def test_facts_that_contradict_themselves_are_refused(facts: list[dict[str, Any]], fault: str) -> None:
    with pytest.raises(LedgerError, match=f"tenant acme: {fault}"):
        posted(facts)


def test_no_more_is_paid_than_is_payable() -> None:
    balances = ledger.totals(table(posted([fact(), fact(order_id="o2", is_held=True)]), ENTRIES))
    assert ledger.payable(balances) == {("ana", "USD"): 10}
    for wrong in ("10.01", "0", "-1"):
        with pytest.raises(
            LedgerError, match=r"KOL ana of tenant acme cannot be paid .* 10\.0000 is payable"
        ):
            ledger.pay(balances, POSTING, reason="p1", amounts={("ana", "USD"): Decimal(wrong)})
    with pytest.raises(LedgerError, match="cannot be paid 1 EUR: 0 is payable"):
        ledger.pay(balances, POSTING, reason="p1", amounts={("ana", "EUR"): Decimal(1)})
    with pytest.raises(LedgerError, match="an amount that its currency does not have"):
        ledger.pay(balances, POSTING, reason="p1", amounts={("ana", "USD"): Decimal("0.005")})
    with pytest.raises(LedgerError, match="say what the payout is"):
        ledger.pay(balances, POSTING, reason=" ")
    with pytest.raises(LedgerError, match="say who enters it"):
        replace(POSTING, by="")
    paid = ledger.pay(balances, POSTING, reason="p1", amounts={("ana", "USD"): Decimal("9.99")})
    assert [(row["account"], row["amount"], row["reason"]) for row in paid.to_pylist()] == [
        ("kol_payable", Decimal("9.99"), "p1"), ("cash", Decimal("-9.99"), "p1"),
    ]  # fmt: skip


def test_a_missed_target_costs_its_penalty_until_it_is_met() -> None:
    contract = {
        "contract_id": "c1", "kol_id": "ana", "currency": "USD", "ends_on": date(2026, 1, 19),
        "target_orders": 2, "target_penalty": Decimal(30), "orders": 1,
    }  # fmt: skip
    entries = table(posted([fact()]), ENTRIES)

    def due(posting: Posting, **values: Any) -> list[tuple[Any, ...]]:
        nonlocal entries
        contracts = table([contract | values], CONTRACTS)
        made = ledger.penalties(contracts, entries, ledger.totals(entries), posting)
        entries = pa.concat_tables([entries, made])
        said = ("entry_type", "account", "amount", "posting_date", "contract_id", "reason")
        return [tuple(row[name] for name in said) for row in made.to_pylist() if row["amount"] > 0]

    last, settled = contract["ends_on"], "paid before it was reversed"
    assert due(replace(POSTING, day=date(2026, 1, 19))) == []
    assert sorted(due(POSTING)) == [
        ("clawback", "kol_receivable", 20, POSTING.day, None, settled),
        ("penalty", "kol_payable", 30, last, "c1", "1 of 2 orders"),
    ]
    assert due(POSTING) == []
    assert sorted(due(POSTING, orders=2)) == [
        ("correction", "penalty_income", 30, last, "c1", "target is met, or the contract another"),
        ("settlement", "kol_payable", 20, POSTING.day, None, "set off against what is due from the KOL"),
    ]
    assert ledger.payable(ledger.totals(entries)) == {("ana", "USD"): 10}
