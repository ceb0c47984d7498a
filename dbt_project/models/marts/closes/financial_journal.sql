-- depends_on: {{ ref('int_tenants__published') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['tenant_id', 'entry_id'], 'unique': true},
            {'columns': ['tenant_id', 'posting_date']},
            {'columns': ['tenant_id', 'event_date']},
            {'columns': ['_build_id']},
        ],
        post_hook=["{{ advance(['journal_entries']) }}"],
    )
}}
-- One row per entry of the financial journal. All amounts add up over entries of a currency and one kind of record: what was booked
-- in a month by posting_date, what happened in it by event_date.
{#- A full refresh waits for held tenants here too; entries of theirs are shown as all others, for they stand. #}
with entries as (

    select * from {{ ref('int_closes__entries') }}
    {% if is_incremental() -%}
    where _load_id > {{ watermark('journal_entries', ['financial_journal']) }}
    {%- endif %}

),

final as (

    select
        tenant_id,
        entry_id,
        record_type,
        source,
        record_id,
        event_type,
        event_id,
        currency,
        amount,
        vat_amount,
        discount_amount,
        fee_amount,
        event_date,
        posting_date,
        entry_type = 'adjustment' as is_adjustment,
        entered_at,
        entered_by,
        reason,
        cast({{ build_id() }} as bigint) as _build_id
    from entries

)

select * from final
