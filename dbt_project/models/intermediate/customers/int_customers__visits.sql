{{ config(materialized='view') }}
-- One row per customer, visitor, UTC day, channel and KOL with a click by a person: those of visitors who are no one else too.
select
    ties.tenant_id,
    ties.customer_id,
    ties.visitor_id,
    visits.utc_day_at,
    visits.channel,
    visits.kol_id,
    visits.first_clicked_at,
    visits.last_clicked_at,
    coalesce(visits.clicks, 0) as clicks
from {{ ref('int_visitors__ties') }} as ties
left join {{ ref('int_visitors__visits') }} as visits
    on ties.tenant_id = visits.tenant_id and ties.visitor_id = visits.visitor_id
where not ties.is_shared
