"""What is sold: a tenant's products, and the baskets of orders and sales to the smallest unit."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from include.demo.world.cast import DIGITS
from include.demo.world.scene import Scene
from include.demo.world.tables import Bools, Floats, Ints, Minor, numbered, picked

PRODUCTS = 60
KINDS = ("serum", "mask", "cream", "toner", "balm", "oil", "kit", "brush")
MULTIPLE = {"VND": 25_000, "USD": 100, "AUD": 150}
SHIPPING = {"VND": 30_000, "USD": 599, "AUD": 895}


@dataclass(frozen=True)
class Catalogue:
    """Prices and costs in minor units by currency, one element per product."""

    skus: list[str]
    titles: list[str]
    prices: dict[str, Ints]
    weights: Floats


@dataclass(frozen=True)
class Baskets:
    """Lines of many orders: one element per line in ``order`` to ``amount``, one per order in the totals."""

    order: Ints
    line: Ints
    product: Ints
    """-1 is shipping."""
    quantity: Ints
    price: Ints
    amount: Ints
    gross: Ints
    discount: Ints
    shipping: Ints


def stock(rng: np.random.Generator, scene: Scene) -> Catalogue:
    """Fill a tenant's shelves and write its products per system that sells them."""
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    base = np.sort(rng.lognormal(2.6, 0.55, PRODUCTS)) + 3
    weights = 1.0 / (1.0 + rng.permutation(PRODUCTS)) ** 0.8
    skus = [f"{tenant.tenant_id[:2].upper()}-{number:04d}" for number in range(1, PRODUCTS + 1)]
    titles = [f"{KINDS[n % len(KINDS)].title()} No. {n}" for n in range(1, PRODUCTS + 1)]
    currencies = {shop.currency for shop in tenant.shops} | (
        {tenant.store_currency} if tenant.store else set()
    )
    prices = {}
    for currency in sorted(currencies):
        units = base * MULTIPLE[currency]
        if currency == "VND":
            prices[currency] = (np.rint(units / 1_000) * 1_000).astype(np.int64)
        else:
            prices[currency] = np.floor(units / 100).astype(np.int64) * 100 + 99
    sellers = [(shop.source, shop.currency) for shop in tenant.shops]
    sellers += [(tenant.store, tenant.store_currency)] if tenant.store else []
    at = np.full(PRODUCTS, calendar.opens)
    for source, currency in sellers:
        book.write(
            "products",
            {
                "tenant_id": tenant.tenant_id,
                "source": source,
                "sku": picked(skus, np.arange(PRODUCTS)),
                "product_name": picked(titles, np.arange(PRODUCTS)),
                "category": picked(KINDS, np.arange(1, PRODUCTS + 1) % len(KINDS)),
                "currency": currency,
                "price": Minor(prices[currency], DIGITS[currency]),
                "cost": Minor(prices[currency] * (10_000 - tenant.margin_bp) // 11_000, DIGITS[currency]),
                "updated_at": at - 86_400,
            },
            at,
            source,
        )
    return Catalogue(skus, titles, prices, weights / weights.sum())


def fill(
    rng: np.random.Generator,
    catalogue: Catalogue,
    currencies: list[str],
    currency: Ints,
    *,
    spend: Floats,
    percent: Ints,
    ships: Bools,
) -> Baskets:
    """Fill one basket per order.

    Args:
        rng: source of chance.
        catalogue: what there is.
        currencies: codes that ``currency`` points into.
        currency: currency of each order.
        spend: spend level of who buys.
        percent: discount on each line in percent, rounded down to the minor unit.
        ships: whether shipping may be charged.
    """
    orders = len(currency)
    lines = np.minimum(1 + rng.poisson(0.55, orders), 4)
    order = np.repeat(np.arange(orders), lines)
    product = rng.choice(PRODUCTS, len(order), p=catalogue.weights)
    quantity = 1 + rng.poisson(0.22 * spend[order])
    table = np.stack([catalogue.prices[code] for code in currencies])
    price = table[currency[order], product]
    full = price * quantity
    off = full * percent[order] // 100
    amount = full - off
    discount = np.bincount(order, off, orders).astype(np.int64)
    goods = np.bincount(order, amount, orders).astype(np.int64)
    fees = np.array([SHIPPING[code] for code in currencies])[currency]
    shipping = np.where(ships & (percent < 100) & (rng.random(orders) < 0.55), fees, 0)
    shipped = np.flatnonzero(shipping)
    first = np.cumsum(lines) - lines
    line = np.arange(len(order)) - first[order] + 1
    return Baskets(
        order=np.concatenate([order, shipped]),
        line=np.concatenate([line, lines[shipped] + 1]),
        product=np.concatenate([product, np.full(len(shipped), -1)]),
        quantity=np.concatenate([quantity, np.ones(len(shipped), dtype=np.int64)]),
        price=np.concatenate([price, shipping[shipped]]),
        amount=np.concatenate([amount, shipping[shipped]]),
        gross=goods + shipping,
        discount=discount,
        shipping=shipping,
    )


def line_columns(catalogue: Catalogue, baskets: Baskets, digits: Ints) -> dict[str, object]:
    """The columns that lines of orders and of sales share; ``digits`` per line."""
    return {
        "line_id": numbered("", baskets.line, 2),
        "sku": picked(catalogue.skus, baskets.product),
        "product_name": picked(
            [*catalogue.titles, "Shipping"], np.where(baskets.product < 0, PRODUCTS, baskets.product)
        ),
        "quantity": Minor(baskets.quantity, 0),
        "unit_price": Minor(baskets.price, digits),
        "line_amount": Minor(baskets.amount, digits),
    }


def item_types(baskets: Baskets) -> pa.Array:
    """What each line is."""
    return picked(["product", "shipping"], (baskets.product < 0).astype(np.int64))
