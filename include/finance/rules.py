"""By which rules a tenant's money is reconciled, and the version of these rules."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal


@dataclass(frozen=True)
class Rules:
    """How far two amounts and two times may lie apart and still be one thing.

    ``tolerance`` is in units of the currency, ``near_share`` a share of the amount: up to the first two
    amounts are equal, up to the second they may be the same money with a wrong amount. ``lag_days`` are the
    days from a gateway's movement to its line at the bank, by source, ``""`` for all others. A line may come
    ``grace_banking_days`` after the day on which it is due; what is then not there is missing. Before that,
    and for ``gateway_minutes`` or ``courier_days`` after an order was paid, it is a matter of time.
    ``cut_off_minutes`` after midnight of the tenant's zone a gateway's day ends.
    """

    tolerance: Decimal = Decimal(0)
    near_share: Decimal = Decimal("0.05")
    match_minutes: int = 30
    gateway_minutes: int = 60
    courier_days: int = 4
    lag_days: Mapping[str, int] = field(default_factory=lambda: {"": 2})
    grace_banking_days: int = 2
    cut_off_minutes: int = 0
    transfer_words: tuple[str, ...] = ("transfer", "chuyen khoan")

    @property
    def version(self) -> str:
        """Content hash of the rules (16 hex digits)."""
        text = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def lag(self, source: str) -> int:
        """Return the days from a movement at a gateway to its line at the bank."""
        return self.lag_days.get(source, self.lag_days.get("", 2))
