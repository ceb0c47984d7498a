-- Meta Ads (insights at ad level with time_increment 1, JSON Lines) to the feed ad_spend.
-- Traps: every number is a text; actions[] lists one purchase under several overlapping types, so that one type
-- (omni_purchase) is read and nothing is summed; 28 days are restated; date_start is the account's day.
select
    _row,
    'meta_ads' as platform,
    record ->> 'account_id' as account_id,
    record ->> 'account_timezone' as account_time_zone,
    record ->> 'date_start' as spend_date,
    record ->> 'campaign_id' as campaign_id,
    record ->> 'campaign_name' as campaign_name,
    record ->> 'ad_id' as ad_id,
    record ->> 'account_currency' as currency,
    record ->> 'spend' as spend,
    record ->> 'impressions' as impressions,
    record ->> 'clicks' as clicks,
    list_filter(
        coalesce(try_cast(record -> 'actions' as json[]), []), lambda a: a ->> 'action_type' = 'omni_purchase'
    )[1] ->> 'value' as conversions,
    json_merge_patch(record, '{
        "account_id": null, "account_timezone": null, "date_start": null, "date_stop": null, "campaign_id": null,
        "campaign_name": null, "ad_id": null, "account_currency": null, "spend": null, "impressions": null,
        "clicks": null
    }') as source_fields
from source
