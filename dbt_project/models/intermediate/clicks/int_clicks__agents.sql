{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        post_hook=["{{ advance(['clicks']) }}"],
    )
}}
-- One row per user agent that ever clicked. There are few, and to look for a bot's name in one takes longer than all else that
-- is done with a click.
select
    clicks.user_agent,
    {{ matches('clicks.user_agent', var('known_bots')) }} as is_bot
from (
    select distinct user_agent from {{ ref('stg_clicks') }}
    {% if is_incremental() -%}
    where _load_id > {{ watermark('clicks', [this.name]) }}
    {%- endif %}
) as clicks
where
    clicks.user_agent is not null
    {% if is_incremental() -%}
    and not exists (select 1 from {{ this }} as known where clicks.user_agent = known.user_agent)
    {%- endif %}
