-- Click log of the tracking service (CSV) to the feed clicks.
-- Traps: a browser that only prefetches or previews says so in its Sec-Purpose or Purpose header and is no visit; the
-- address is logged with its query, of which only em is kept: the SHA-256 of the e-mail to which a newsletter sent the link.
select
    _row,
    click_id,
    token,
    visitor as visitor_id,
    utm_source,
    utm_medium,
    utm_campaign,
    split_part(url, '?', 1)
        || coalesce('?em=' || lower(nullif(regexp_extract(url, '[?&]em=([0-9a-fA-F]{64})(&|#|$)', 1), '')), '') as landing_url,
    referrer,
    user_agent,
    ip_hash,
    nullif(purpose, '') is not null as is_prefetch,
    ts as clicked_at,
    * exclude (
        _row, click_id, token, visitor, utm_source, utm_medium, utm_campaign, url, referrer, user_agent, ip_hash,
        purpose, ts
    )
from source
