"""By which rules a tenant's money is reconciled: defaults, and what a tenant decided of them."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from include.feeds.decision import turn
from include.finance import books
from include.settings import Settings, get_settings
from include.warehouse import Warehouse, connect, load_contracts

BOOK = "finance_rules"
SOURCE = "sokol_finance_rules"

Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Rules:
    """How far two amounts and two times may lie apart and still be one thing.

    ``tolerance`` is in units of the currency, ``near_share`` a share of the amount: up to the first two
    amounts are equal, up to the second they may be the same money with a wrong amount. ``lag_days`` are the
    days from a gateway's movement to its line at the bank, by source, ``""`` for all others. A line may come
    ``grace_banking_days`` after the day on which it is due; what is then not there is missing. Before that,
    and for ``gateway_minutes`` or ``courier_days`` after an order was paid, it is a matter of time.
    ``cut_off_minutes`` after midnight of the tenant's zone a gateway's day ends. A bank line with one of
    the ``transfer_words`` is a customer's, one with one of the ``own_words`` is no sale's money, as rent.
    """

    tolerance: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    near_share: Annotated[Decimal, Field(ge=0, lt=1)] = Decimal("0.05")
    match_minutes: Count = 30
    gateway_minutes: Count = 60
    courier_days: Count = 4
    lag_days: Mapping[str, Count] = field(default_factory=lambda: {"": 2})
    grace_banking_days: Count = 2
    cut_off_minutes: Annotated[int, Field(ge=0, lt=24 * 60)] = 0
    transfer_words: tuple[str, ...] = ("transfer", "chuyen khoan")
    own_words: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """Content hash of the rules (16 hex digits)."""
        text = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def lag(self, source: str) -> int:
        """Return the days from a movement at a gateway to its line at the bank."""
        return self.lag_days.get(source, self.lag_days.get("", 2))


_FORM = TypeAdapter(Rules)


def rules_of(warehouse: Warehouse, tenant_id: str) -> Rules:
    """Return the rules that a tenant decided last; the defaults if it decided none."""
    text = warehouse.value(
        f"select rules from raw.{BOOK} where tenant_id = %s order by decided_at desc, rules_id desc limit 1",
        [tenant_id],
    )
    return Rules() if text is None else _FORM.validate_json(text)


def set_rules(
    tenant_id: str,
    changes: Mapping[str, Any],
    *,
    entered_by: str,
    reason: str,
    at: datetime | None = None,
    settings: Settings | None = None,
) -> Rules:
    """Decide some of a tenant's rules; the others stay, and the next night judges everything by all of them.

    Args:
        tenant_id: whose rules.
        changes: values by name, as numbers or text; of a table or a list its JSON.
        entered_by: who decides.
        reason: why; it stands in the book for ever.
        at: when it was decided (aware), now when left out.
        settings: where the warehouse and the landing zone are.

    Returns:
        All rules that are now in force.

    Raises:
        ValueError: a rule that there is none of, a value that it cannot have, an unknown tenant, or nobody or
            no reason given.
    """
    settings = settings or get_settings()
    books.check(BOOK, "a decision on rules", entered_by=entered_by, reason=reason)
    with connect("loader", settings) as warehouse, _turn(warehouse, tenant_id, settings):
        require_tenant(warehouse, tenant_id)
        stand = _FORM.dump_python(rules_of(warehouse, tenant_id), mode="json")
        rules = _checked(tenant_id, stand | {name: _parsed(value) for name, value in changes.items()})
        said = {"rules": _FORM.dump_json(rules).decode(), "entered_by": entered_by, "reason": reason}
        books.append(warehouse, BOOK, tenant_id, said, source=SOURCE, at=at, settings=settings)
    return rules


def _turn(warehouse: Warehouse, tenant_id: str, settings: Settings) -> AbstractContextManager[None]:
    """Read and write in one turn, so that of two decisions at once none undoes the other."""
    return turn(warehouse, load_contracts()[BOOK], f"{tenant_id}/{SOURCE}", settings)


def require_tenant(warehouse: Warehouse, tenant_id: str) -> None:
    """Raise ValueError where no tenant of this id is loaded."""
    if not warehouse.value("select count(*) from raw.tenants where tenant_id = %s", [tenant_id]):
        raise ValueError(f"there is no tenant {tenant_id} among what is loaded")


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value.startswith(("{", "[")) else value


def _checked(tenant_id: str, said: Mapping[str, Any]) -> Rules:
    try:
        return _FORM.validate_python(dict(said))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        known = ", ".join(Rules.__dataclass_fields__)
        raise ValueError(f"rules of tenant {tenant_id}: {wrong}; there are {known}") from None
