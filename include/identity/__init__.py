"""Who is who: customers across web and store, found from what records say, kept stable, explained, undone."""

from include.identity.matching import Matching, match_records

__all__ = ["Matching", "match_records"]
