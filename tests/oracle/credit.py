"""Credit: which KOL an order belongs to, by which evidence, and if none, why."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import pandas as pd

from tests.oracle.clicks import text_or_none
from tests.oracle.money import ZERO
from tests.oracle.rows import Row, local_day

CLICK_COLUMNS = (
    "tenant_id", "click_id", "token", "clicked_at", "visitor_id", "verdict", "token_id", "kol_id",
    "token_campaign_id", "channel", "campaign",
)  # fmt: skip


@dataclass(frozen=True)
class Click:
    """A judged click as evidence."""

    click_id: str
    clicked_at: datetime
    visitor_id: str | None
    verdict: str
    token_id: str | None
    kol_id: str | None
    campaign_id: str | None
    has_token: bool
    channel: str
    campaign: str


@dataclass(frozen=True)
class Credit:
    """The outcome for one order; ``reason`` says why nobody is credited."""

    matched_by: str | None = None
    kol_id: str | None = None
    campaign_id: str | None = None
    token_id: str | None = None
    click_id: str | None = None
    contract_id: str | None = None
    commission_rate: Decimal = ZERO
    attributed_by_source: bool = False
    is_disputed: bool = False
    reason: str | None = None

    @property
    def is_credited(self) -> bool:
        """True where the order counts for a KOL (a marketplace's own attribution stands apart)."""
        return self.kol_id is not None and not self.attributed_by_source


class Evidence:
    """Clicks, tokens, contracts and KOLs, indexed for the questions that credit asks."""

    def __init__(
        self,
        *,
        clicks: pd.DataFrame,
        orders: Sequence[Row],
        tokens: Iterable[Row],
        contracts: Iterable[Row],
        kols: Iterable[Row],
        tenants: Iterable[Row],
    ) -> None:
        self.tenants = {row["tenant_id"]: row for row in tenants}
        self.kols = {(row["tenant_id"], row["kol_id"]): row for row in kols}
        self.tokens = {(row["tenant_id"], row["token"]): row["kol_id"] for row in tokens}
        self.handles: dict[tuple[str, str], str] = {}
        for (tenant, kol_id), row in sorted(self.kols.items()):
            if row["handle"]:
                self.handles.setdefault((tenant, row["handle"].lower()), kol_id)
        self.coupons: dict[tuple[str, str], list[Row]] = defaultdict(list)
        self.contracts: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in contracts:
            self.contracts[row["tenant_id"], row["kol_id"]].append(row)
            if (row["coupon_code"] or "").strip():
                self.coupons[row["tenant_id"], row["coupon_code"].strip().lower()].append(row)
        wanted_tokens = {order["token"] for order in orders if order["token"]}
        wanted_ids = {order["click_id"] for order in orders if order["click_id"]}
        is_wanted = clicks["token"].isin(wanted_tokens) | clicks["click_id"].isin(wanted_ids)
        wanted = clicks[is_wanted].sort_values("clicked_at")
        self._columns = {name: wanted[name].tolist() for name in CLICK_COLUMNS}
        self._at = [moment.to_pydatetime() for moment in self._columns["clicked_at"]]
        self._by_id: dict[tuple[str, str], int] = {}
        self._by_token: dict[tuple[str, str], list[int]] = defaultdict(list)
        rows = zip(self._columns["tenant_id"], self._columns["click_id"], self._columns["token"], strict=True)
        for number, (tenant, click_id, token) in enumerate(rows):
            if click_id in wanted_ids:
                self._by_id[tenant, click_id] = number
            if isinstance(token, str):
                self._by_token[tenant, token].append(number)

    def click(self, tenant: str, click_id: str | None) -> Click | None:
        """Return the click of that id."""
        number = self._by_id.get((tenant, click_id or ""))
        return None if number is None else self._click(number)

    def clicks_until(self, tenant: str, token: str, until: datetime, hours: int) -> list[Click]:
        """Return the clicks with exactly that token in the ``hours`` before ``until``, borders included."""
        numbers = self._by_token.get((tenant, token), [])
        first = bisect_left(numbers, until - timedelta(hours=hours), key=self._at.__getitem__)
        last = bisect_right(numbers, until, key=self._at.__getitem__)
        return [self._click(number) for number in numbers[first:last]]

    def _click(self, number: int) -> Click:
        row = {name: values[number] for name, values in self._columns.items()}
        return Click(
            click_id=row["click_id"],
            clicked_at=self._at[number],
            visitor_id=text_or_none(row["visitor_id"]),
            verdict=row["verdict"],
            token_id=text_or_none(row["token_id"]),
            kol_id=text_or_none(row["kol_id"]),
            campaign_id=text_or_none(row["token_campaign_id"]),
            has_token=text_or_none(row["token"]) is not None,
            channel=row["channel"],
            campaign=row["campaign"],
        )

    def day(self, order: Row) -> date:
        """Return the tenant's day on which the order was placed."""
        return local_day(order["ordered_at"], self.tenants[order["tenant_id"]]["time_zone"])

    def window(self, tenant: str, kol_id: str | None) -> int:
        """Return the attribution window of a KOL in hours: its own, or the tenant's."""
        kol = self.kols.get((tenant, kol_id or ""))
        own = kol["attribution_window_hours"] if kol else None
        hours: int = self.tenants[tenant]["attribution_window_hours"] if own is None else own
        return hours

    def contract_of(self, order: Row, kol_id: str, campaign_id: str | None) -> Row | None:
        """Return the contract that pays for an order credited to ``kol_id`` through ``campaign_id``."""
        day = self.day(order)
        in_force = [
            row
            for row in self.contracts.get((order["tenant_id"], kol_id), [])
            if row["starts_on"] <= day <= row["ends_on"]
        ]
        return max(
            in_force,
            key=lambda row: (
                campaign_id is not None and row["campaign_id"] == campaign_id,
                row["starts_on"],
                row["contract_id"],
            ),
            default=None,
        )


def credit(order: Row, evidence: Evidence) -> Credit:
    """Return who is credited with ``order``."""
    if order["source_kol_ref"]:
        kol_id = evidence.handles.get((order["tenant_id"], order["source_kol_ref"].lower()))
        if kol_id is None:
            return Credit(attributed_by_source=True, reason="source_kol_unknown")
        return Credit(matched_by="source", kol_id=kol_id, attributed_by_source=True)
    outcomes = [
        outcome
        for outcome in (by_token(order, evidence), by_click(order, evidence), by_coupon(order, evidence))
        if outcome is not None
    ]
    if not outcomes:
        return Credit(reason="no_evidence")
    winners = [outcome for outcome in outcomes if outcome.kol_id is not None]
    if not winners:
        return outcomes[0]
    first = winners[0]
    is_disputed = any(other.kol_id != first.kol_id for other in winners[1:])
    return Credit(**{**vars(first), "is_disputed": is_disputed})


def by_token(order: Row, evidence: Evidence) -> Credit | None:
    """Credit by the last eligible click with the order's token."""
    if not order["token"]:
        return None
    tenant, token = order["tenant_id"], order["token"]
    if (tenant, token) not in evidence.tokens:
        return Credit(reason="token_unknown")
    hours = evidence.window(tenant, evidence.tokens[tenant, token])
    clicks = [
        click
        for click in evidence.clicks_until(tenant, token, order["ordered_at"], hours)
        if not order["visitor_id"] or click.visitor_id == order["visitor_id"]
    ]
    eligible = [click for click in clicks if click.verdict == "valid"]
    if eligible:
        return credited(order, evidence, "token", max(eligible, key=lambda c: (c.clicked_at, c.click_id)))
    if any(click.verdict == "refused" for click in clicks):
        return Credit(reason="token_not_valid_at_click")
    return Credit(reason="no_click_in_window")


def by_click(order: Row, evidence: Evidence) -> Credit | None:
    """Credit by the click whose id the order carries."""
    if not order["click_id"]:
        return None
    click = evidence.click(order["tenant_id"], order["click_id"])
    if click is None:
        return Credit(reason="click_unknown")
    if click.verdict == "refused":
        return Credit(reason="token_not_valid_at_click" if click.token_id else "token_unknown")
    if click.verdict != "valid":
        return Credit(reason="click_not_valid")
    if not click.has_token:
        return Credit(reason="click_without_token")
    ordered_at: datetime = order["ordered_at"]
    window = timedelta(hours=evidence.window(order["tenant_id"], click.kol_id))
    if not ordered_at - window <= click.clicked_at <= ordered_at:
        return Credit(reason="click_outside_window")
    return credited(order, evidence, "click", click)


def credited(order: Row, evidence: Evidence, matched_by: str, click: Click) -> Credit:
    """Return the credit that an eligible click gives."""
    assert click.kol_id is not None, "a valid click with a token has a KOL"
    contract = evidence.contract_of(order, click.kol_id, click.campaign_id)
    return Credit(
        matched_by=matched_by,
        kol_id=click.kol_id,
        campaign_id=click.campaign_id,
        token_id=click.token_id,
        click_id=click.click_id,
        contract_id=contract["contract_id"] if contract else None,
        commission_rate=contract["commission_rate"] if contract else ZERO,
    )


def by_coupon(order: Row, evidence: Evidence) -> Credit | None:
    """Credit by a coupon whose contract is in force on the order's day."""
    code = (order["coupon_code"] or "").strip().lower()
    if not code:
        return None
    contracts = evidence.coupons.get((order["tenant_id"], code))
    if not contracts:
        return Credit(reason="coupon_unknown")
    day = evidence.day(order)
    in_force = [row for row in contracts if row["starts_on"] <= day <= row["ends_on"]]
    if not in_force:
        return Credit(reason="coupon_not_in_force")
    contract = max(in_force, key=lambda row: (row["starts_on"], row["contract_id"]))
    return Credit(
        matched_by="coupon",
        kol_id=contract["kol_id"],
        campaign_id=contract["campaign_id"],
        contract_id=contract["contract_id"],
        commission_rate=contract["commission_rate"],
    )
