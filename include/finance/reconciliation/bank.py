"""Which line of the bank is which money that was due: by reference, then by the simplest explanation."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from include.finance.reconciliation.knots import knots
from include.finance.reconciliation.payouts import CUSTOMER, UNIT, Due, banking_day, plain
from include.finance.reconciliation.rules import Rules
from include.finance.reconciliation.subsets import subsets_that_sum

LATE, MISSING, TWICE, WRONG, UNEXPLAINED = 1, 2, 2, 5, 8
"""What an explanation has to assume: a late line, a missing one, one that came twice, a wrong amount, a line
of no meaning. The higher, the less likely; the lowest sum explains."""

OWN = "own"
"""Sender of lines of which the tenant's rules say that no sale is behind them."""

MOST_RECORDS = 9
"""Lines or dues of one knot that are still tried out in every way."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a bank statement: ``amount`` signed in ten-thousandths, ``day`` as an ordinal."""

    key: tuple[str, str]
    sender: str
    currency: str
    amount: int
    day: int
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """State of a due or a line, what it belongs to (None: nothing, or not told apart), and by which rule."""

    state: str
    counterpart: tuple[str, ...] | None = None
    matched_by: str | None = None


Verdicts = dict[tuple[str, ...], Verdict]


@dataclass
class Explanation:
    """What was found: verdicts on dues, on lines, and on single payments of unsettled dues.

    ``reach`` is the earliest day that a verdict by amount rests on, by due or line; others rest on their own.
    """

    dues: Verdicts
    lines: Verdicts
    payments: Verdicts
    reach: dict[tuple[str, ...], int]


def explain(dues: Sequence[Due], lines: Sequence[Line], rules: Rules, *, as_of: int) -> Explanation:
    """Give every due and every line one state.

    Args:
        dues: what was expected, of one tenant.
        lines: what the bank shows up to the day.
        rules: tolerance, nearness, days of grace.
        as_of: day up to which is looked (ordinal).
    """
    told = Explanation({}, {}, {}, {})
    search = _Search(rules, as_of, told)
    open_dues = [due for due in dues if not search.is_nothing(due)]
    open_dues, open_lines = search.by_reference(open_dues, lines)
    groups: dict[tuple[str, str], tuple[list[Due], list[Line]]] = defaultdict(lambda: ([], []))
    for due in open_dues:
        groups[due.sender, due.currency][0].append(due)
    for line in open_lines:
        groups[line.sender, line.currency][1].append(line)
    for key in sorted(groups):
        search.by_amount(*groups[key])
    return told


class _Search:
    def __init__(self, rules: Rules, as_of: int, told: Explanation) -> None:
        self.rules, self.as_of, self.told = rules, as_of, told
        self.tolerance = int(rules.tolerance * UNIT)
        self.last_day: dict[int, int] = {}

    def is_nothing(self, due: Due) -> bool:
        """Tell whether nothing is to come: what adds up to nothing, or takings that were given back."""
        if due.amount == 0 or (due.kind == "takings" and due.amount < 0):
            self._tell(due, Verdict("matched", None, "nothing_due"))
            return True
        return False

    def by_reference(self, dues: Sequence[Due], lines: Sequence[Line]) -> tuple[list[Due], list[Line]]:
        """Settle what the bank names; return the rest."""
        named: dict[str, list[Due]] = defaultdict(list)
        for due in dues:
            if len(due.reference) >= 4:
                named[due.reference].append(due)
        found: dict[tuple[str, ...], list[Line]] = defaultdict(list)
        whose: dict[tuple[str, ...], Due] = {}
        rest: list[Line] = []
        for line in lines:
            owner = self._named_by(line, named)
            if owner is None:
                rest.append(line)
            else:
                found[owner.key].append(line)
                whose[owner.key] = owner
        for key, its in found.items():
            self._judge_named(whose[key], its)
        return [due for due in dues if due.key not in found], rest

    def _named_by(self, line: Line, named: dict[str, list[Due]]) -> Due | None:
        for reference in line.references:
            candidates = named.get(reference, ())
            for fits in (
                [d for d in candidates if d.currency == line.currency and d.amount == line.amount],
                [d for d in candidates if d.currency == line.currency],
                list(candidates),
            ):
                if len(fits) == 1:
                    return fits[0]
        return None

    def _judge_named(self, due: Due, lines: list[Line]) -> None:
        equal = [line for line in lines if abs(line.amount - due.amount) <= self.tolerance]
        if any(line.currency != due.currency for line in lines):
            state = "currency_differs"
        elif len(lines) > 1 and len(equal) == len(lines):
            state = "duplicate"
        elif abs(sum(line.amount for line in lines) - due.amount) <= self.tolerance:
            state = "matched"
        else:
            state = "amount_differs"
        self._tell(due, Verdict(state, lines[0].key, "reference"))
        for line in lines:
            self.told.lines[line.key] = Verdict(state, due.key, "reference")

    def by_amount(self, dues: list[Due], lines: list[Line]) -> None:
        """Settle what one sender owes in one currency and the bank does not name."""
        dues, lines = self._by_day(dues, lines)
        lines = self._settle_parts([due for due in dues if due.members], lines, dues)
        dues = [due for due in dues if due.key not in self.told.dues]
        for some_dues, some_lines in self._knots(dues, lines):
            self._solve(some_dues, some_lines)
            if some_dues and some_lines:
                days = [due.day for due in some_dues] + [line.day for line in some_lines]
                keys = [due.key for due in some_dues] + [line.key for line in some_lines]
                self.told.reach |= dict.fromkeys(keys, min(days))

    def _by_day(self, dues: list[Due], lines: list[Line]) -> tuple[list[Due], list[Line]]:
        """Settle equal amounts where as many lines came on the day as were due on it."""
        due_cells, line_cells = defaultdict(list), defaultdict(list)
        for due in dues:
            due_cells[due.amount, due.day].append(due)
        for line in lines:
            line_cells[line.amount, line.day].append(line)
        for cell, some in due_cells.items():
            if len(some) == len(line_cells.get(cell, ())):
                pairs = zip(sorted(some, key=_key), sorted(line_cells[cell], key=_key), strict=True)
                for due, line in pairs:
                    self._tell(due, Verdict("matched", line.key, "amount_and_day"))
                    self.told.lines[line.key] = Verdict("matched", due.key, "amount_and_day")
        return (
            [due for due in dues if due.key not in self.told.dues],
            [line for line in lines if line.key not in self.told.lines],
        )

    def _settle_parts(self, unsettled: list[Due], lines: list[Line], dues: list[Due]) -> list[Line]:
        """Find which unsettled payments of a day make up which lines; return the lines that are left.

        Whole days come first: some payments of a day may add up to the line of another by chance.
        """
        by_day: dict[int, list[Line]] = defaultdict(list)
        for line in lines:
            by_day[line.day].append(line)
        for settle in (self._whole, self._parts):
            for due in unsettled:
                near = [
                    line
                    for day in range(due.day, self._last_day(due.day) + 1)
                    for line in by_day.get(day, ())
                    if line.key not in self.told.lines
                    and not any(other.amount == line.amount and self._can_be(other, line) for other in dues)
                ]
                if near and due.key not in self.told.dues:
                    settle(due, near)
        return [line for line in lines if line.key not in self.told.lines]

    def _whole(self, due: Due, lines: list[Line]) -> None:
        """Settle a day's payments by the one set of lines that adds up to all of them."""
        sets = subsets_that_sum([line.amount for line in lines], due.amount, most=2)
        if sets is None or len(sets) != 1:
            return
        parts = [lines[place] for place in sets[0]]
        self._tell(due, Verdict("matched", parts[0].key if len(parts) == 1 else None, "sum_of_day"))
        for line in parts:
            self.told.lines[line.key] = Verdict("matched", due.key, "sum_of_day")

    def _parts(self, due: Due, lines: list[Line]) -> None:
        """Settle lines by the payments that add up to each; what not every way uses is ambiguous."""
        verdicts: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
        amounts = [amount for _, amount in due.members]
        for line in lines:
            sets = subsets_that_sum(amounts, line.amount)
            if not sets:
                continue
            uses = Counter(place for found in sets for place in found)
            for place, times in uses.items():
                sure = times == len(sets)
                verdict = Verdict("matched", line.key, "subset") if sure else Verdict("ambiguous")
                verdicts[due.members[place][0]].append(verdict)
            self.told.lines[line.key] = Verdict("matched", due.key, "subset")
        if not verdicts:
            return
        left = self._absent(due)
        for payment, _ in due.members:
            said = verdicts.get(payment, [])
            one = said[0] if len(said) == 1 else Verdict("ambiguous" if said else left)
            self.told.payments[payment] = one
        states = {self.told.payments[payment].state for payment, _ in due.members}
        self.told.dues[due.key] = Verdict(next(s for s in ("ambiguous", left, "matched") if s in states))

    def _can_be(self, due: Due, line: Line) -> bool:
        if not due.day <= line.day <= self._last_day(due.day):
            return False
        far = abs(due.amount - line.amount)
        return far <= self.tolerance or far <= float(self.rules.near_share) * abs(due.amount)

    def _knots(self, dues: list[Due], lines: list[Line]) -> Iterator[tuple[list[Due], list[Line]]]:
        """Give what could belong together in parts that have nothing to do with each other."""
        by_day: dict[int, list[Line]] = defaultdict(list)
        for line in lines:
            by_day[line.day].append(line)
        edges = [
            (due, line)
            for due in dues
            for day in range(due.day, self._last_day(due.day) + 1)
            for line in by_day.get(day, ())
            if self._can_be(due, line)
        ]
        nodes: list[Due | Line] = [
            *sorted(dues, key=_key),
            *sorted(lines, key=lambda each: (each.day, each.key)),
        ]
        for knot in knots(nodes, edges):
            yield [n for n in knot if isinstance(n, Due)], [n for n in knot if isinstance(n, Line)]

    def _solve(self, dues: list[Due], lines: list[Line]) -> None:
        """Give the states on which all simplest explanations agree."""
        if not lines:
            for due in dues:
                self._tell(due, Verdict(self._absent(due)))
            return
        if not dues:
            for line in lines:
                own = line.sender == OWN
                self.told.lines[line.key] = (
                    Verdict("not_sales", None, "rule") if own else Verdict("unexplained")
                )
            return
        if len(dues) > MOST_RECORDS or len(lines) > MOST_RECORDS:
            for due in dues:
                self._tell(due, Verdict("ambiguous"))
            for line in lines:
                self.told.lines[line.key] = Verdict("ambiguous")
            return
        best = _Trial(self, dues, lines).run()
        for place, due in enumerate(dues):
            self._tell(due, _agreed([found[0][place] for found in best]))
        for place, line in enumerate(lines):
            self.told.lines[line.key] = _agreed([found[1][place] for found in best])

    def _absent(self, due: Due) -> str:
        return "timing" if self._last_day(due.day) > self.as_of else "missing_in_bank"

    def _last_day(self, day: int) -> int:
        """Return the last day on which a line of a due day may come."""
        if day not in self.last_day:
            if day > self.as_of:
                return day + 7
            last = banking_day(date.fromordinal(day), later=self.rules.grace_banking_days)
            self.last_day[day] = last.toordinal()
        return self.last_day[day]

    def _tell(self, due: Due, verdict: Verdict) -> None:
        self.told.dues[due.key] = verdict
        for payment, _ in due.members:
            self.told.payments[payment] = verdict


class _Trial:
    """All simplest explanations of one knot, by trying each line as each thing that it can be."""

    def __init__(self, search: _Search, dues: list[Due], lines: list[Line]) -> None:
        self.search, self.dues, self.lines = search, dues, lines
        self.cost = UNEXPLAINED * (len(lines) + len(dues)) + 1
        self.best: list[tuple[list[Verdict], list[Verdict]]] = []

    def run(self) -> list[tuple[list[Verdict], list[Verdict]]]:
        """Return the verdicts on dues and on lines, once per explanation of the lowest sum."""
        self._try(0, [[] for _ in self.dues], [None] * len(self.lines), 0)
        return self.best

    def _try(self, place: int, held: list[list[int]], of: list[int | None], cost: int) -> None:
        if cost > self.cost:
            return
        if place == len(self.lines):
            self._close(held, of, cost)
            return
        line = self.lines[place]
        for number, due in enumerate(self.dues):
            if not self.search._can_be(due, line):
                continue
            is_equal = abs(due.amount - line.amount) <= self.search.tolerance
            if held[number]:
                first = self.lines[held[number][0]]
                if not is_equal or first.amount != line.amount:
                    continue
                step = TWICE
            else:
                step = (0 if is_equal else WRONG) + (LATE if line.day > due.day else 0)
            held[number].append(place)
            of[place] = number
            self._try(place + 1, held, of, cost + step)
            held[number].pop()
            of[place] = None
        self._try(place + 1, held, of, cost + UNEXPLAINED)

    def _close(self, held: list[list[int]], of: list[int | None], cost: int) -> None:
        cost += MISSING * sum(not lines for lines in held)
        if cost > self.cost:
            return
        if cost < self.cost:
            self.cost, self.best = cost, []
        states = [self._state(due, held[n]) for n, due in enumerate(self.dues)]
        self.best.append(
            (
                [
                    Verdict(state, self.lines[held[n][0]].key if held[n] else None, "amount")
                    for n, state in enumerate(states)
                ],
                [
                    Verdict("unexplained") if n is None else Verdict(states[n], self.dues[n].key, "amount")
                    for n in of
                ],
            )
        )

    def _state(self, due: Due, places: list[int]) -> str:
        if not places:
            return self.search._absent(due)
        if len(places) > 1:
            return "duplicate"
        is_equal = abs(self.lines[places[0]].amount - due.amount) <= self.search.tolerance
        return "matched" if is_equal else "amount_differs"


def _agreed(verdicts: list[Verdict]) -> Verdict:
    states = {verdict.state for verdict in verdicts}
    if len(states) > 1:
        return Verdict("ambiguous")
    counterparts = {verdict.counterpart for verdict in verdicts}
    return Verdict(
        states.pop(), counterparts.pop() if len(counterparts) == 1 else None, verdicts[0].matched_by
    )


def _key(record: Due | Line) -> tuple[str, ...]:
    return record.key


def read_sender(
    counterparty: str | None, description: str | None, senders: Sequence[str], rules: Rules
) -> str:
    """Return who sent the money of a line: a known sender, a customer, the shop itself, or nobody known.

    Args:
        counterparty: other party as the bank writes it.
        description: text of the line.
        senders: known senders, letters and digits in lower case.
        rules: words by which the bank marks transfers of customers, and what is no sale's money.
    """
    party, words = plain(counterparty), plain(description)
    for sender in senders:
        if sender and sender in party:
            return sender
    if any(plain(mark) in party + words for mark in rules.transfer_words):
        return CUSTOMER
    text = f" {_spaced(counterparty)} {_spaced(description)} "
    return OWN if any(f" {_spaced(mark)} " in text for mark in rules.own_words) else ""


def _spaced(text: str | None) -> str:
    """Return a text's words, each plain: rent must not be found in a parent."""
    return " ".join(plain(word) for word in (text or "").split())
