-- One row per line of the commission ledger that ledger_lines may not have: those that came since it was last built, and all of
-- tenants that were held then. On the first build every line is taken, and none is touched.
{%- set readers = ['ledger_lines'] -%}
{%- set since_build = watermark('builds', readers) %}
{%- if nobody_has_read(readers) %}
select
    cast(null as text) as tenant_id,
    cast(null as text) as entry_id
where false
{%- else %}
with came as (

    {% if has_changes('ledger_entries', readers) -%}
    select tenant_id, entry_id
    from {{ feed_changes('ledger_entries', watermark('ledger_entries', readers)) }} as lines
    union
    {% endif -%}
    select lines.tenant_id, lines.entry_id
    from (select distinct tenant_id from {{ source('ops', 'held_tenants') }} where build_id >= {{ since_build }}) as tenants
    inner join {{ ref('int_ledger__lines') }} as lines on tenants.tenant_id = lines.tenant_id

)

select came.tenant_id, came.entry_id
from came
inner join {{ ref('int_tenants__published') }} as tenants on came.tenant_id = tenants.tenant_id
{%- endif %}
