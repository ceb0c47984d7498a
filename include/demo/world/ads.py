"""Ad spend as the platforms report it, restated for days afterwards."""

import numpy as np
import pyarrow as pa

from include.demo.world.cast import DIGITS, AdAccount
from include.demo.world.clock import DAY, HOUR, Calendar
from include.demo.world.money import Rate
from include.demo.world.scene import Scene
from include.demo.world.tables import Minor, picked

PULLS = (0, 2, 6)
"""Days after a day's end on which its figures are pulled."""
CAMPAIGNS = ("always-on", "retargeting", "brand")
ADS = 2


def advertise(
    rng: np.random.Generator,
    scene: Scene,
    scale: float,
) -> None:
    """Spend on advertisements, write each pull whole, and note the spend of the last one."""
    tenant, rates = scene.tenant, scene.rates
    for account in tenant.ads:
        _run_account(rng, scene, account, rates[account.currency], scale)


def _run_account(
    rng: np.random.Generator,
    scene: Scene,
    account: AdAccount,
    rate: Rate,
    scale: float,
) -> None:
    """One account: a row per day, campaign, ad and pull."""
    tenant, calendar, book = scene.tenant, scene.calendar, scene.book
    own = Calendar(account.zone, calendar.first, calendar.last)
    span = calendar.last - calendar.first + 1
    per_day = len(CAMPAIGNS) * ADS
    day = np.repeat(np.arange(calendar.first, calendar.last + 1), per_day)
    ad = np.tile(np.arange(per_day), span)
    digits = 6 if account.platform == "google_ads" else DIGITS[account.currency]
    usd = rng.lognormal(2.2, 0.5, len(day)) * max(0.2, scale) ** 0.5
    unit = {"VND": 25_430, "USD": 1, "AUD": 1.5}[account.currency]
    final = (usd * unit * 10.0**digits).astype(np.int64)
    impressions = (usd * rng.uniform(150, 260, len(day))).astype(np.int64)
    clicks = (impressions * rng.uniform(0.008, 0.03, len(day))).astype(np.int64)
    conversions = (clicks * rng.uniform(0.01, 0.05, len(day)) * 1_000_000).astype(np.int64)

    vanishes = rng.random(len(day)) < 0.01
    appears = ~vanishes & (rng.random(len(day)) < 0.01)
    ends = own.start_of(day + 1) + 3 * HOUR
    missed = np.repeat(rng.random(span) < 0.02, per_day)
    jitter = np.repeat(rng.integers(0, HOUR, span), per_day)
    latest = np.full(len(day), -1)
    for number, lag in enumerate(PULLS):
        at = ends + lag * DAY + jitter
        seen = at < calendar.ends
        if number == 0:
            seen &= ~missed
        latest[seen] = number
    for number, lag in enumerate(PULLS):
        at = ends + lag * DAY + jitter
        done = at < calendar.ends
        if number == 0:
            done &= ~missed
        part = (0.93, 0.99, 1.0)[number]
        spend = final if number == 2 else (final * part).astype(np.int64)
        there = ~(vanishes if number else appears)
        rows = np.flatnonzero(done & there)
        book.write(
            "ad_spend",
            {
                "tenant_id": tenant.tenant_id,
                "platform": account.platform,
                "account_id": account.account_id,
                "account_time_zone": account.zone,
                "spend_date": day[rows],
                "campaign_id": picked(
                    [f"{account.account_id[-4:]}{n:03d}" for n in range(len(CAMPAIGNS))], ad[rows] // ADS
                ),
                "campaign_name": picked(CAMPAIGNS, ad[rows] // ADS),
                "ad_id": picked([f"ad{n}" for n in range(per_day)], ad[rows]),
                "currency": account.currency,
                "spend": Minor(spend[rows], digits),
                "impressions": impressions[rows],
                "clicks": clicks[rows],
                "conversions": Minor((conversions * part).astype(np.int64)[rows], 6),
            },
            at[rows],
            account.platform,
        )
        kept = np.flatnonzero(done & there & (latest == number))
        book.note(
            "ad_spend",
            pa.table(
                {
                    "tenant_id": pa.repeat(tenant.tenant_id, len(kept)),
                    "platform": pa.repeat(account.platform, len(kept)),
                    "date": pa.array(day[kept].astype(np.int32)).cast(pa.date32()),
                    "impressions": impressions[kept],
                    "clicks": clicks[kept],
                    "minor": rate.convert(spend[kept], day[kept], digits),
                    "digits": pa.repeat(pa.scalar(DIGITS[tenant.reporting], pa.int64()), len(kept)),
                }
            ),
        )
