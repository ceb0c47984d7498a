-- The token registry's journal: a token when it is issued, and the whole token again when it is revoked.
select
    token_id,
    token,
    key_id as kid,
    {'kol': kol_id, 'campaign': campaign_id, 'link': link_url} as claims,
    utc_z(issued_at) as issued_at,
    utc_z(expires_at) as expires_at,
    utc_z(revoked_at) as revoked_at,
    utc_z(updated_at) as "at"
from tracking_tokens
order by updated_at, token_id
