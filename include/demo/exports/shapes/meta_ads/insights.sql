-- Meta's insights: texts for numbers, and one purchase under several overlapping action types.
select
    account_id,
    currency as account_currency,
    account_time_zone as account_timezone,
    cast(spend_date as varchar) as date_start,
    cast(spend_date as varchar) as date_stop,
    campaign_id,
    campaign_name,
    ad_id,
    plain_number(spend) as spend,
    cast(impressions as varchar) as impressions,
    cast(clicks as varchar) as clicks,
    if(conversions is null, null, [
        {'action_type': 'purchase', 'value': plain_number(conversions)},
        {'action_type': 'omni_purchase', 'value': plain_number(conversions)},
        {'action_type': 'offsite_conversion.fb_pixel_purchase', 'value': plain_number(conversions)},
        {'action_type': 'link_click', 'value': cast(clicks as varchar)}
    ]) as actions
from ad_spend
order by spend_date, account_id, campaign_id, ad_id
