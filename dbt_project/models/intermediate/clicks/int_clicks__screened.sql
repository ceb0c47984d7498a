{{ config(materialized='view') }}
-- One row per click, with whether a known bot or a pre-fetcher made it.
select
    clicks.*,
    coalesce(agents.is_bot, false) or clicks.is_prefetch as is_bot
from {{ ref('stg_clicks') }} as clicks
left join {{ ref('int_clicks__agents') }} as agents on clicks.user_agent = agents.user_agent
