-- One row per line of the commission ledger that ledger_lines may not have: those that came since it was last built, and all of
-- tenants that were held then. Whole lines, for the book is indexed by load and not by line. On the first build every line is
-- taken from int_ledger__lines, and none stands here.
{%- set readers = ['ledger_lines'] -%}
{%- set since_build = watermark('builds', readers) %}
with came as (

    {% if nobody_has_read(readers) -%}
    select * from {{ ref('int_ledger__lines') }}
    where false
    {%- else -%}
    {% if has_changes('ledger_entries', readers) -%}
    select
        entries.tenant_id,
        entries.entry_id,
        entries.transaction_id,
        entries.line_no,
        entries.entry_type,
        entries.account,
        entries.kol_id,
        entries.currency,
        entries.amount,
        entries.order_source,
        entries.order_id,
        entries.event_type,
        entries.event_id,
        entries.contract_id,
        entries.commission_rate,
        entries.rule_version,
        entries.event_date,
        entries.posting_date,
        entries.entered_at,
        entries.entered_by,
        entries.reason
    from {{ feed_changes('ledger_entries', watermark('ledger_entries', readers)) }} as entries
    union
    {% endif -%}
    select entries.*
    from (select distinct tenant_id from {{ source('ops', 'held_tenants') }} where build_id >= {{ since_build }}) as tenants
    inner join {{ ref('int_ledger__lines') }} as entries on tenants.tenant_id = entries.tenant_id
    {%- endif %}

)

select came.*
from came
inner join {{ ref('int_tenants__published') }} as tenants on came.tenant_id = tenants.tenant_id
