-- Google Ads' searchStream rows; rows without any traffic are not returned.
select
    {'id': account_id, 'currencyCode': currency, 'timeZone': account_time_zone} as customer,
    {'id': campaign_id, 'name': campaign_name} as campaign,
    if(ad_id = '-', null, {'id': ad_id}) as "adGroup",
    {'date': cast(spend_date as varchar)} as segments,
    {
        'costMicros': cast(cast(spend * 1000000 as bigint) as varchar), 'impressions': cast(impressions as varchar),
        'clicks': cast(clicks as varchar), 'conversions': conversions
    } as metrics
from ad_spend
where spend > 0 or impressions > 0 or clicks > 0 or coalesce(conversions, 0) <> 0
order by spend_date, account_id, campaign_id, ad_id
