-- Google Ads (searchStream rows by ad group and day, JSON Lines) to the feed ad_spend.
-- Traps: cost is in micros, a millionth of the account's currency; 64-bit numbers are texts; rows without any traffic are
-- not returned, so that a day which lost its traffic vanishes from the next pull; conversions come late and in fractions;
-- segments.date is the account's day.
select
    _row,
    'google_ads' as platform,
    record ->> '$.customer.id' as account_id,
    record ->> '$.customer.timeZone' as account_time_zone,
    record ->> '$.segments.date' as spend_date,
    record ->> '$.campaign.id' as campaign_id,
    record ->> '$.campaign.name' as campaign_name,
    coalesce(record ->> '$.adGroup.id', '-') as ad_id,
    record ->> '$.customer.currencyCode' as currency,
    coalesce(
        cast(
            try_cast(record ->> '$.metrics.costMicros' as decimal(24, 4)) * cast(0.000001 as decimal(7, 6)) as varchar
        ),
        record ->> '$.metrics.costMicros'
    ) as spend,
    coalesce(record ->> '$.metrics.impressions', '0') as impressions,
    coalesce(record ->> '$.metrics.clicks', '0') as clicks,
    record ->> '$.metrics.conversions' as conversions,
    json_merge_patch(record, '{
        "customer": null, "segments": null, "campaign": null, "adGroup": null, "metrics": null
    }') as source_fields
from source
