-- depends_on: {{ ref('int_tenants__published') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[{'columns': ['tenant_id', 'event_month']}, {'columns': ['_build_id']}],
        post_hook=["{{ advance(['journal_entries', 'ledger_entries']) }}"],
    )
}}
-- One row per build, tenant, month of the event, month of the posting, measure and currency: what books have got since the build before.
-- Books only grow, so the rows of all builds add up.
{#- A full refresh waits for held tenants here too; entries of theirs are shown as all others, for they stand. #}
with journal as (

    select * from {{ ref('stg_journal_entries') }}
    {% if is_incremental() -%}
    where _load_id > {{ watermark('journal_entries', ['int_closes__booked']) }}
    {%- endif %}

),

ledger as (

    select * from {{ ref('stg_ledger_entries') }}
    {% if is_incremental() -%}
    where _load_id > {{ watermark('ledger_entries', ['int_closes__booked']) }}
    {%- endif %}

),

named as (

    select
        *,
        case
            when record_type in ('order', 'store_sale') and event_type = 'completion' then 'sales'
            when record_type in ('order', 'store_sale') then 'refunds'
            when record_type = 'payment' and event_type = 'refund' then 'payment_refunds'
            when record_type = 'payment' and event_type = 'chargeback' then 'chargebacks'
            else record_type || 's'
        end as measure
    from journal

),

measured as (

    {% for suffix, column in [('', 'amount'), ('_vat', 'vat_amount'), ('_discount', 'discount_amount'), ('_fee', 'fee_amount')] -%}
    select tenant_id, measure || '{{ suffix }}' as measure, currency, event_date, posting_date, entered_at, {{ column }} as amount
    from named
    where {{ column }} <> 0
    union all
    {% endfor -%}
    select tenant_id, account as measure, currency, event_date, posting_date, entered_at, amount
    from ledger

)

select
    tenant_id,
    cast(date_trunc('month', event_date) as date) as event_month,
    cast(date_trunc('month', posting_date) as date) as posting_month,
    measure,
    currency,
    cast(count(*) as bigint) as entries,
    cast(sum(amount) as numeric(20, 4)) as amount,
    max(entered_at) as last_entered_at,
    cast({{ build_id() }} as bigint) as _build_id
from measured
group by 1, 2, 3, measure, currency
