"""Where one tenant's story takes place: who it is, its days, its rates, and the book that is written."""

from dataclasses import dataclass

from include.demo.world.cast import Tenant
from include.demo.world.clock import Calendar
from include.demo.world.money import Rate
from include.demo.world.tables import Book


@dataclass(frozen=True)
class Scene:
    """What every room of the simulation needs of a tenant."""

    tenant: Tenant
    calendar: Calendar
    rates: dict[str, Rate]
    """Rates in use by currency, into the reporting currency."""
    book: Book
