{{ config(materialized='view') }}
-- One row per customer, visitor, UTC day, channel and KOL with a click by a person: those of visitors who are no one else too.
select
    tied.tenant_id,
    tied.customer_id,
    tied.visitor_id,
    visits.utc_day_at,
    visits.channel,
    visits.kol_id,
    visits.first_clicked_at,
    visits.last_clicked_at,
    coalesce(visits.clicks, 0) as clicks
from {{ ref('int_visitors__ties') }} as tied
left join {{ ref('int_visitors__visits') }} as visits
    on tied.tenant_id = visits.tenant_id and tied.visitor_id = visits.visitor_id
where not tied.is_shared
