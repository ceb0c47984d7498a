"""Which files each simulated system exports, which feeds they fill, and by which mapping."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

SHAPES = Path(__file__).resolve().parent / "shapes"
"""One select per system and file, from rows in contract columns to the system's own shape."""
MAPPINGS = Path(__file__).resolve().parents[2] / "connectors"
"""One folder of mappings per system, from its shape back to contract columns."""


@dataclass(frozen=True)
class ExportFile:
    """One kind of file of one system."""

    system: str
    name: str
    format: Literal["csv", "jsonl"]
    feeds: dict[str, str]
    """Mapping by feed that the file fills."""
    options: dict[str, str] = field(default_factory=dict)
    """Options of the reader, such as the delimiter."""
    gzipped: bool = False
    lookback_days: int | None = None
    """Days before the interval that a pull covers whole; for feeds whose pulls replace slices."""
    cursor: str | None = None

    @property
    def file_name(self) -> str:
        """Name within the folder of an interval."""
        return f"{self.name}.{self.format}{'.gz' if self.gzipped else ''}"

    @property
    def pattern(self) -> str:
        """Glob that also finds a file delivered again under another name."""
        return self.file_name.replace(self.name, f"{self.name}*", 1)

    @property
    def delimiter(self) -> str:
        """What separates the fields of a CSV."""
        return self.options.get("delimiter", ",")

    @property
    def shape(self) -> str:
        """The select that writes the file."""
        return (SHAPES / self.system / f"{self.name}.sql").read_text(encoding="utf-8")

    def mapping(self, feed: str) -> Path:
        """Where the mapping of one of its feeds stands."""
        return MAPPINGS / self.system / self.feeds[feed]


def _file(
    system: str,
    name: str,
    *feeds: str,
    form: Literal["csv", "jsonl"] = "jsonl",
    lookback_days: int | None = None,
    gzipped: bool = False,
    cursor: str | None = None,
    **options: str,
) -> ExportFile:
    """Describe a file whose mappings are called like its feeds, or as ``feed=mapping`` says."""
    pairs = [feed.partition("=") for feed in feeds]
    return ExportFile(
        system,
        name,
        form,
        {feed: f"{mapping or feed}.sql" for feed, _, mapping in pairs},
        options,
        gzipped,
        lookback_days,
        cursor,
    )


FILES: tuple[ExportFile, ...] = (
    _file("shopify", "orders", "orders", "order_items"),
    _file("shopify", "refunds", "refunds"),
    _file("shopify", "customers", "customers"),
    _file("shopify", "products", "products"),
    _file("woocommerce", "orders", "orders", "order_items"),
    _file("woocommerce", "refunds", "refunds"),
    _file("woocommerce", "customers", "customers"),
    _file("woocommerce", "products", "products"),
    _file("tiktok_shop", "orders", "orders", "order_items"),
    _file("tiktok_shop", "refunds", "refunds"),
    _file("tiktok_shop", "remittances", "remittances"),
    _file("tiktok_shop", "customers", "customers"),
    _file("tiktok_shop", "products", "products"),
    _file("kiotviet", "invoices", "pos_sales", "pos_sale_lines"),
    _file("kiotviet", "returns", "pos_sales=pos_sales_returns", "pos_sale_lines"),
    _file("kiotviet", "customers", "customers"),
    _file("kiotviet", "products", "products"),
    _file("square", "orders", "pos_sales", "pos_sale_lines"),
    _file("square", "customers", "customers"),
    _file("square", "products", "products"),
    _file("google_ads", "insights", "ad_spend", lookback_days=30),
    _file("meta_ads", "insights", "ad_spend", lookback_days=28),
    _file("tiktok_ads", "insights", "ad_spend", lookback_days=30),
    _file("vnpay", "transactions", "payments", form="csv"),
    _file("momo", "transactions", "payments"),
    _file("stripe", "events", "payments"),
    _file("bank", "statement", "bank_lines", form="csv", delimiter=";"),
    _file("courier", "report", "remittances", form="csv", delimiter=";"),
    _file("crm", "kols", "kols", form="csv"),
    _file("crm", "contracts", "kol_contracts", form="csv"),
    _file("crm", "customers", "customers", form="csv"),
    _file("crm", "products", "products", form="csv"),
    _file("fx", "rates", "fx_rates", form="csv"),
    _file("tracking", "tokens", "tracking_tokens"),
    _file("tracking", "clicks", "clicks", form="csv", gzipped=True, cursor="ts"),
)


def files_of(system: str) -> tuple[ExportFile, ...]:
    """Every file that a system exports; none for a system that is not known."""
    return tuple(file for file in FILES if file.system == system)
