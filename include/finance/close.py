"""Closing a tenant's month: from then on nothing is booked into it."""

from include.finance.periods import open_from

__all__ = ["open_from"]
