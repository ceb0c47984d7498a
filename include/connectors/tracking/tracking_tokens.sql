-- Token registry of the tracking service (JSON Lines, one line per issue or revocation) to the feed tracking_tokens.
-- Traps: a revocation is the whole token again with its instant of revocation; the signing key is named, never shown.
select
    _row,
    record ->> 'token_id' as token_id,
    record ->> 'token' as token,
    record ->> '$.claims.kol' as kol_id,
    record ->> '$.claims.campaign' as campaign_id,
    record ->> '$.claims.link' as link_url,
    record ->> 'kid' as key_id,
    record ->> 'issued_at' as issued_at,
    record ->> 'expires_at' as expires_at,
    record ->> 'revoked_at' as revoked_at,
    record ->> 'at' as updated_at
from source
