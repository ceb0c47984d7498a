-- One row per tenant-day on which something that a KOL's figures are summed from may have moved since the entries were last
-- written: days on which orders, customers, clicks, rates or settings moved, days of contracts that came, changed or left, and days
-- that the as-of day has passed or gone back over. On the first build all entries are written.
{%- set entries = ['kol_roi_entries'] %}
{%- if nobody_has_read(entries) %}
select
    cast(null as text) as tenant_id,
    cast(null as date) as touched_date
where false
{%- else %}
with touched as (

    select tenant_id, touched_date
    from {{ ref('int_days__touched') }}

    {% if has_changes('kol_contracts', entries) -%}
    union all
    select contracts.tenant_id, days.calendar_date as touched_date
    from {{ feed_changes('kol_contracts', watermark('kol_contracts', entries)) }} as contracts
    inner join {{ ref('int_calendar__days') }} as days on days.calendar_date between contracts.starts_on and contracts.ends_on
    {%- endif %}

    union all
    select moved.tenant_id, days.calendar_date as touched_date
    from ({{ days_that_moved('kol_roi_entries', 0) }}) as moved
    inner join {{ ref('int_calendar__days') }} as days
        on days.calendar_date > moved.after_date and days.calendar_date <= moved.up_to_date

)

select distinct touched.tenant_id, touched.touched_date
from touched
inner join {{ ref('int_tenants__published') }} as tenants on touched.tenant_id = tenants.tenant_id
{%- endif %}
