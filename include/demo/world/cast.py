"""The cast of the simulated world: which organisations there are, and with which systems they trade."""

from dataclasses import dataclass

DIGITS = {"VND": 0, "USD": 2, "AUD": 2}
"""Decimal places of the minor unit, by currency."""


@dataclass(frozen=True)
class Shop:
    """A web shop or marketplace: ``share`` of the tenant's online orders, in one currency.

    ``gives_vat`` says whether the system tells the VAT of an order, ``attributes`` whether it is a
    marketplace that names the KOL itself.
    """

    source: str
    currency: str
    share: float
    gives_vat: bool
    attributes: bool = False


@dataclass(frozen=True)
class AdAccount:
    """An account at an ad platform, which counts its days in its own zone."""

    platform: str
    account_id: str
    zone: str
    currency: str


@dataclass(frozen=True)
class Tenant:
    """One organisation. Shares are of the world's persons; ``_bp`` are hundredths of a percent."""

    tenant_id: str
    name: str
    country: str
    zone: str
    reporting: str
    vat_bp: int
    margin_bp: int
    window_hours: int
    churn_days: int
    share: float
    kols: int
    shops: tuple[Shop, ...]
    gateways: dict[str, dict[str, str]]
    """Gateway by currency and payment method (card, wallet)."""
    ads: tuple[AdAccount, ...]
    contract_currencies: tuple[str, ...]
    store: str | None = None
    store_currency: str = ""
    stores: int = 0
    courier: str | None = None
    cod_share: float = 0.0
    vietnamese: bool = False

    @property
    def currencies(self) -> tuple[str, ...]:
        """Every currency in which the tenant has amounts."""
        named = [shop.currency for shop in self.shops] + [account.currency for account in self.ads]
        named += list(self.contract_currencies) + ([self.store_currency] if self.store else [])
        return tuple(sorted(set(named)))


TENANTS = (
    Tenant(
        tenant_id="lotus",
        name="Lotus Beauty",
        country="VN",
        zone="Asia/Ho_Chi_Minh",
        reporting="VND",
        vat_bp=1000,
        margin_bp=4200,
        window_hours=168,
        churn_days=30,
        share=0.50,
        kols=50,
        shops=(
            Shop("woocommerce", "VND", 0.68, gives_vat=True),
            Shop("tiktok_shop", "VND", 0.32, gives_vat=False, attributes=True),
        ),
        gateways={"VND": {"card": "vnpay", "wallet": "momo"}},
        ads=(
            AdAccount("google_ads", "401-220-7781", "Asia/Ho_Chi_Minh", "VND"),
            AdAccount("meta_ads", "act_88120034", "Asia/Ho_Chi_Minh", "VND"),
            AdAccount("tiktok_ads", "7012233441", "America/Los_Angeles", "USD"),
        ),
        contract_currencies=("VND", "VND", "VND", "USD"),
        store="kiotviet",
        store_currency="VND",
        stores=6,
        courier="ghn",
        cod_share=0.42,
        vietnamese=True,
    ),
    Tenant(
        tenant_id="maple",
        name="Maple & Pine",
        country="US",
        zone="America/New_York",
        reporting="USD",
        vat_bp=800,
        margin_bp=5500,
        window_hours=168,
        churn_days=45,
        share=0.22,
        kols=12,
        shops=(Shop("shopify", "USD", 1.0, gives_vat=True),),
        gateways={"USD": {"card": "stripe", "wallet": "stripe"}},
        ads=(
            AdAccount("google_ads", "118-904-3320", "America/New_York", "USD"),
            AdAccount("meta_ads", "act_55019872", "America/Los_Angeles", "USD"),
            AdAccount("tiktok_ads", "7099120035", "America/New_York", "USD"),
        ),
        contract_currencies=("USD",),
        store="square",
        store_currency="USD",
        stores=3,
    ),
    Tenant(
        tenant_id="kauri",
        name="Kauri Outdoors",
        country="AU",
        zone="Australia/Adelaide",
        reporting="USD",
        vat_bp=1000,
        margin_bp=4800,
        window_hours=720,
        churn_days=60,
        share=0.12,
        kols=8,
        shops=(Shop("shopify", "AUD", 1.0, gives_vat=False),),
        gateways={"AUD": {"card": "stripe", "wallet": "stripe"}},
        ads=(
            AdAccount("google_ads", "733-118-0904", "Australia/Adelaide", "AUD"),
            AdAccount("meta_ads", "act_71200455", "Australia/Adelaide", "AUD"),
        ),
        contract_currencies=("AUD", "USD"),
        store="square",
        store_currency="AUD",
        stores=2,
    ),
    Tenant(
        tenant_id="mekong",
        name="Mekong Crafts",
        country="VN",
        zone="Asia/Ho_Chi_Minh",
        reporting="USD",
        vat_bp=1000,
        margin_bp=3900,
        window_hours=72,
        churn_days=30,
        share=0.16,
        kols=10,
        shops=(
            Shop("woocommerce", "VND", 0.6, gives_vat=True),
            Shop("shopify", "USD", 0.4, gives_vat=True),
        ),
        gateways={
            "VND": {"card": "stripe", "wallet": "momo"},
            "USD": {"card": "stripe", "wallet": "stripe"},
        },
        ads=(
            AdAccount("google_ads", "902-551-6673", "Asia/Ho_Chi_Minh", "VND"),
            AdAccount("meta_ads", "act_30077215", "Asia/Ho_Chi_Minh", "USD"),
        ),
        contract_currencies=("USD", "VND"),
        courier="ghn",
        cod_share=0.25,
        vietnamese=True,
    ),
)
