"""Clicks: which are valid, whose they are, and in which channel and campaign they stand."""

from collections.abc import Collection, Sequence

import pandas as pd

from tests.oracle.rows import Row

KNOWN_BOTS = (
    "bot", "crawl", "spider", "slurp", "facebookexternalhit", "headless", "preview", "monitor", "curl/",
    "wget/",
    "python-requests", "python-urllib", "go-http-client", "okhttp", "scrapy", "lighthouse", "pingdom",
)  # fmt: skip
"""Parts of a user agent (lower case) that tell a bot."""

PAID_MEDIA = {"cpc", "ppc", "paid"}
AD_SOURCES = {
    "google": "google_ads", "google_ads": "google_ads", "adwords": "google_ads",
    "facebook": "meta_ads", "fb": "meta_ads", "instagram": "meta_ads", "ig": "meta_ads", "meta": "meta_ads",
    "meta_ads": "meta_ads",
    "tiktok": "tiktok_ads", "tiktok_ads": "tiktok_ads",
}  # fmt: skip
NO_CAMPAIGN = "(none)"


def utm_channel(medium: str | None, source: str | None) -> str:
    """Return the channel of a click without a known token."""
    medium = (medium or "").strip().lower()
    if medium in PAID_MEDIA:
        return AD_SOURCES.get((source or "").strip().lower(), "paid_other")
    return "email" if medium == "email" else "organic"


def judge_clicks(
    clicks: pd.DataFrame,
    tokens: Sequence[Row],
    zones: dict[str, str],
    known_bots: Collection[str] = KNOWN_BOTS,
) -> pd.DataFrame:
    """Return the clicks with what the definitions say of each.

    Adds ``is_token_known``, ``kol_id``, ``token_campaign_id``, ``token_id``, ``verdict`` (valid, bot or
    refused), ``channel``, ``campaign``, ``click_date`` (tenant's day) and ``hour_at`` (UTC start of the
    local hour).

    Args:
        clicks: frame of ``rows.click_frame``.
        tokens: clean rows of ``tracking_tokens``.
        zones: tenant -> IANA zone.
        known_bots: parts of user agents, lower case.
    """
    registry = pd.DataFrame(
        [
            {
                "tenant_id": row["tenant_id"], "token": row["token"], "token_id": row["token_id"],
                "kol_id": row["kol_id"], "token_campaign_id": row["campaign_id"],
                "issued_at": row["issued_at"],
                "expires_at": row["expires_at"], "revoked_at": row["revoked_at"],
            }
            for row in tokens
        ],
        columns=["tenant_id", "token", "token_id", "kol_id", "token_campaign_id", "issued_at", "expires_at",
                 "revoked_at"],
    )  # fmt: skip
    if registry.duplicated(["tenant_id", "token"]).any():
        raise ValueError("tracking_tokens: one token text belongs to two token ids")
    for name in ("issued_at", "expires_at", "revoked_at"):
        registry[name] = pd.to_datetime(registry[name], utc=True).astype("datetime64[us, UTC]")
    for name in ("tenant_id", "token", "token_id", "kol_id", "token_campaign_id"):
        registry[name] = registry[name].astype("str")
    judged = clicks.merge(registry, on=["tenant_id", "token"], how="left", validate="many_to_one")

    judged["is_token_known"] = judged["token_id"].notna()
    at = judged["clicked_at"]
    is_token_valid = (
        judged["is_token_known"]
        & (judged["issued_at"] <= at)
        & (at < judged["expires_at"])
        & (judged["revoked_at"].isna() | (at < judged["revoked_at"]))
    )
    agents = judged["user_agent"]
    is_bot_agent = {
        agent: any(part in agent.lower() for part in known_bots)
        for agent in agents.dropna().unique().tolist()
    }
    is_bot = judged["is_prefetch"] | agents.map(lambda agent: is_bot_agent.get(agent, False)).astype(bool)
    is_refused = judged["token"].notna() & ~is_token_valid
    judged["verdict"] = "valid"
    judged.loc[is_refused, "verdict"] = "refused"
    judged.loc[is_bot, "verdict"] = "bot"

    pairs = judged[["utm_medium", "utm_source"]].drop_duplicates()
    channels = {
        (medium, source): utm_channel(text_or_none(medium), text_or_none(source))
        for medium, source in pairs.fillna("").itertuples(index=False)
    }
    by_utm = [
        channels[pair]
        for pair in zip(judged["utm_medium"].fillna(""), judged["utm_source"].fillna(""), strict=True)
    ]
    judged["channel"] = pd.Series(by_utm, index=judged.index, dtype="str").mask(
        judged["is_token_known"], "kol"
    )
    judged["campaign"] = judged["utm_campaign"].mask(judged["is_token_known"], judged["token_campaign_id"])
    judged["campaign"] = judged["campaign"].replace("", None).fillna(NO_CAMPAIGN)
    return add_local_time(judged, zones)


def add_local_time(clicks: pd.DataFrame, zones: dict[str, str]) -> pd.DataFrame:
    """Add the tenant's day and the UTC start of the local hour."""
    parts = []
    for tenant, part in clicks.groupby("tenant_id", sort=False):
        local = part["clicked_at"].dt.tz_convert(zones[str(tenant)])
        into_hour = pd.to_timedelta(local.dt.minute * 60 + local.dt.second, unit="s") + pd.to_timedelta(
            local.dt.microsecond, unit="us"
        )
        parts.append(
            part.assign(click_date=local.dt.date.astype(object), hour_at=part["clicked_at"] - into_hour)
        )
    if not parts:
        return clicks.assign(click_date=pd.Series(dtype=object), hour_at=clicks["clicked_at"])
    return pd.concat(parts).sort_index()


def text_or_none(value: object) -> str | None:
    """Return None for the nulls of pandas and for empty text."""
    return value if isinstance(value, str) and value else None
