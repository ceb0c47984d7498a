-- TikTok Ads' integrated report: the advertiser's day as a timestamp of midnight.
select
    account_id as advertiser_id,
    account_time_zone as advertiser_timezone,
    {'ad_id': ad_id, 'stat_time_day': cast(spend_date as varchar) || ' 00:00:00'} as dimensions,
    {
        'campaign_id': campaign_id, 'campaign_name': campaign_name, 'currency': currency, 'spend': plain_number(spend),
        'impressions': cast(impressions as varchar), 'clicks': cast(clicks as varchar),
        'conversion': plain_number(conversions)
    } as metrics
from ad_spend
order by spend_date, account_id, campaign_id, ad_id
