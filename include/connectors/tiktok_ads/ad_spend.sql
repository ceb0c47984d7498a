-- TikTok Ads (integrated report at ad level by day, JSON Lines) to the feed ad_spend.
-- Traps: the day comes as a timestamp of midnight without a zone, it is the advertiser's day and must not be shifted; the
-- advertiser's zone is often not the shop's; 30 days at most per query; numbers are texts.
select
    _row,
    'tiktok_ads' as platform,
    record ->> 'advertiser_id' as account_id,
    record ->> 'advertiser_timezone' as account_time_zone,
    left(record ->> '$.dimensions.stat_time_day', 10) as spend_date,
    record ->> '$.metrics.campaign_id' as campaign_id,
    record ->> '$.metrics.campaign_name' as campaign_name,
    record ->> '$.dimensions.ad_id' as ad_id,
    record ->> '$.metrics.currency' as currency,
    record ->> '$.metrics.spend' as spend,
    record ->> '$.metrics.impressions' as impressions,
    record ->> '$.metrics.clicks' as clicks,
    record ->> '$.metrics.conversion' as conversions,
    json_merge_patch(record, '{
        "advertiser_id": null, "advertiser_timezone": null, "dimensions": null, "metrics": null
    }') as source_fields
from source
