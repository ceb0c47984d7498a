"""The night of a tenant's books, step by step: states, commission, journal, pack, alert, gate.

A night has a day, that of its pack. States and books are those of now, for they follow from the feeds and
from what was decided: a night of an earlier day changes none of them, whenever it is run.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

from include import alerts
from include.finance import tenants
from include.finance.closing.booking import post_journal
from include.finance.ledger.posting import post_orders
from include.finance.periods import open_from
from include.finance.reconciliation.nightly import reconcile_all
from include.finance.reporting import gate, pack
from include.settings import Settings, get_settings
from include.transform import BuildError, build
from include.warehouse import connect

BOOKS = ("reconcile", "post_commission", "post_journal")
REPORT = ("write_pack", "alert", "gate")
"""The steps of a tenant before and after ``refresh``, which is one for all tenants."""

BY = "reconcile_finance"
"""Who posts, as the books name it."""

PARTS = ("finance", "ledger", "closes")
MODELS = tuple(f"path:models/{layer}/{part}" for layer in ("intermediate", "marts") for part in PARTS)
"""What shows the books; all other marts are left as their last build made them."""

NEWS_DAYS = 1
"""Days before the as-of day whose packs are still sent: breaks are those of now, older nights told theirs."""


def published(settings: Settings | None = None, *, only: Sequence[str] = ()) -> list[str]:
    """Return the tenants whose books are kept: all that the last build has published, or some of them.

    Raises:
        NotPublishedError: one of those named is not.
    """
    with connect("transformer", settings or get_settings()) as warehouse:
        return [one.tenant_id for one in tenants.published(warehouse, only)]


def run(
    settings: Settings | None = None,
    *,
    only: Sequence[str] = (),
    day: date | str | None = None,
    say: Callable[[str], None] = print,
) -> list[str]:
    """Do all that a night does, for every published tenant or some.

    Args:
        settings: where the warehouse is.
        only: ids of tenants; all when empty.
        day: of the packs; each tenant's last one when left out.
        say: told what each step did.

    Returns:
        What went wrong and what is unexplained, a text each. One tenant's fault does not stop the others.

    Raises:
        NotPublishedError: one of those named is not published.
        ValueError: the day is none.
    """
    settings = settings or get_settings()
    wanted = date.fromisoformat(day) if isinstance(day, str) else day
    faults = take(BOOKS, settings, only=only, say=say)
    try:
        say(f"refresh: {refresh(settings)}")
    except BuildError as error:
        return [*faults, f"refresh: {error}"]
    return faults + take(REPORT, settings, only=only, day=wanted, say=say)


def take(
    names: Sequence[str],
    settings: Settings | None = None,
    *,
    only: Sequence[str] = (),
    day: date | None = None,
    say: Callable[[str], None] = print,
) -> list[str]:
    """Take some steps of the night of every published tenant, or some; returns and raises as ``run``."""
    settings, faults = settings or get_settings(), []
    for tenant in published(settings, only=only):
        for name in names:
            try:
                say(f"{name}: {take_step(name, tenant, day=day, settings=settings)}")
            except Exception as error:
                faults.append(f"{name} of {tenant}: {error}")
                if name != "alert":
                    break
    return faults


def refresh(settings: Settings | None = None) -> str:
    """Bring the marts of the books up to what was posted and explained since the last build."""
    # Without tests: the next whole build has them, and here one tenant's fault would be that of all. Each
    # tenant's own gate looks whether its totals tie.
    done = build(settings or get_settings(), select=MODELS, with_tests=False)
    return f"build {done.build_id}: {done.models} models"


def take_step(
    name: str, tenant: str, *, day: date | str | None = None, settings: Settings | None = None
) -> str:
    """Take one step of a tenant's night; return what it did.

    Args:
        name: one of ``STEPS``; each may be taken alone, and again.
        tenant: whose night.
        day: of the pack (a date, or YYYY-MM-DD); the last day that the marts know when left out.
        settings: where the warehouse is.

    Raises:
        NotPublishedError: the tenant is held or unknown.
        ValueError: there is no such step or day.
        UnexplainedMoneyError: what the gate refuses.
    """
    settings = settings or get_settings()
    if name not in STEPS:
        raise ValueError(f"a night has no step {name!r}; it has {', '.join(STEPS)}")
    wanted = date.fromisoformat(day) if isinstance(day, str) else day
    return STEPS[name](settings, tenant, wanted or pack.as_of(settings, tenant))


def reconcile(settings: Settings, tenant: str, _day: date) -> str:
    """Give every order, payment, payout and bank line its state."""
    [night] = reconcile_all(settings, only=[tenant])
    return str(night)


def post_commission(settings: Settings, tenant: str, _day: date) -> str:
    """Post what has changed of commission; what orders under a flag have earned is held."""
    return str(post_orders(tenant, open_from=open_from(settings, tenant), by=BY, settings=settings))


def enter_journal(settings: Settings, tenant: str, _day: date) -> str:
    """Enter what has changed of money facts."""
    return str(post_journal(settings, tenant, by=BY))


def write_pack(settings: Settings, tenant: str, day: date) -> str:
    """Write the finance pack of a day; return where it is."""
    return pack.write(settings, tenant, day)


def send_alert(settings: Settings, tenant: str, day: date) -> str:
    """Send what is open, and the pack of the day, which must be there.

    The pack of a day long before the as-of day is not sent: its breaks are those of now.
    """
    found = gate.unexplained(settings, tenant)
    if day < found.as_of - timedelta(days=NEWS_DAYS):
        return f"{tenant}: not sent, for {day} is long before {found.as_of}, whose alert tells what is open"
    with pack.local_copy(settings, tenant, day) as file:
        message = alerts.Alert(
            found.title,
            f"{found}\n\nFinance pack of {day}: {pack.place(settings, tenant, day)}",
            found.level,
            [file],
        )
        return f"{tenant}: {alerts.send(message, settings)}"


def hold_gate(settings: Settings, tenant: str, _day: date) -> str:
    """Refuse while money of the tenant is unexplained."""
    found = gate.unexplained(settings, tenant)
    if not found.is_clean:
        raise gate.UnexplainedMoneyError(str(found))
    return str(found)


Step = Callable[[Settings, str, date], str]
STEPS: dict[str, Step] = {
    "reconcile": reconcile,
    "post_commission": post_commission,
    "post_journal": enter_journal,
    "write_pack": write_pack,
    "alert": send_alert,
    "gate": hold_gate,
}
"""What each step does, by its name."""
