-- One row per tenant, token text and UTC day whose clicks came or were replaced since the places of tokens were last counted. On
-- the first build every click is taken.
{%- set reader = ['int_fraud__token_days'] -%}
{%- if nobody_has_read(reader) %}
select
    cast(null as text) as tenant_id,
    cast(null as text) as token,
    cast(null as timestamptz) as utc_day_at
where false
{%- else %}
select distinct
    tenant_id,
    token,
    date_trunc('day', clicked_at) as utc_day_at
from {{ feed_changes('clicks', watermark('clicks', reader)) }} as clicks
where token is not null
{%- endif %}
