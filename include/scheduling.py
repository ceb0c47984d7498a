"""What all DAGs share: owner, tags, the retry policy and the names of the assets between them."""

from datetime import timedelta
from enum import StrEnum
from typing import Any

OWNER = "data-engineering"
RAW_ASSET = "raw"
CUSTOMERS_ASSET = "customers"
MARTS_ASSET = "marts"


class Tag(StrEnum):
    """The tags that a DAG may carry: its part of the day, and who waits for it."""

    INGEST = "ingest"
    TRANSFORM = "transform"
    IDENTITY = "identity"
    CLV = "clv"
    FINANCE = "finance"
    QUALITY = "quality"
    MARTS = "marts"


def retry_policy(retries: int = 2, first_delay: timedelta = timedelta(seconds=20)) -> dict[str, Any]:
    """Return the ``default_args`` of a DAG: the owner, and retries that wait twice as long each time.

    Args:
        retries: how often a failed task is tried again.
        first_delay: wait before the first of them; no wait is longer than ten minutes.
    """
    return {
        "owner": OWNER,
        "retries": retries,
        "retry_delay": first_delay,
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=10),
    }
