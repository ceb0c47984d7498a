"""The warehouse as the oracle sees it: raw feeds in, marts to compare; names of columns stand here only."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

import pyarrow as pa

from tests.oracle.compare import Difference, Shape, compare
from tests.oracle.marts import Marts
from tests.oracle.rows import FEEDS, Row, contract

OF_DECISIONS = (
    "clv_forecasts", "clv_segments", "clv_series", "customer_map", "finance_explanations", "finance_rules",
