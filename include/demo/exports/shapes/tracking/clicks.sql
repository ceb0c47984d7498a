-- The tracking service's click log, every delivery in its order: a log does not deduplicate itself.
select
    click_id,
    utc_z(clicked_at) as ts,
    token,
    visitor_id as visitor,
    utm_source,
    utm_medium,
    utm_campaign,
    landing_url || coalesce('?utm_source=' || utm_source, '') as url,
    referrer,
    user_agent,
    ip_hash,
    if(is_prefetch, 'prefetch', null) as purpose
from clicks
