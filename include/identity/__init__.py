"""Who is who: customers across web and store, found from what records say, kept stable, explained, undone."""

from include.identity.history import RunResult
from include.identity.matching import Matching, match_records
from include.identity.nightly import match
from include.identity.overrides import override, withdraw
from include.identity.resolve import Resolution, Resolver

__all__ = [
    "Matching",
    "Resolution",
    "Resolver",
    "RunResult",
    "match",
    "match_records",
    "override",
    "withdraw",
]
