{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[{'columns': ['tenant_id', 'kol_id', 'posting_date']}, {'columns': ['_build_id']}],
        pre_hook="{{ delete_touched(ref('int_ledger__lines_touched'), {'tenant_id': 'tenant_id', 'entry_id': 'entry_id'}) }}",
        post_hook=["{{ advance(['ledger_entries']) }}"],
    )
}}
-- One row per line of the commission ledger, as entered. Amounts of one account, currency and tenant add up to what stands on it.
with tenants as (

    select * from {{ ref('int_tenants__published') }}

),

lines as (

    select entries.*
    from {{ ref('int_ledger__lines_touched') if is_incremental() else ref('int_ledger__lines') }} as entries
    inner join tenants on entries.tenant_id = tenants.tenant_id

),

final as (

    select
        tenant_id,
        entry_id,
        transaction_id,
        cast(line_no as integer) as line_no,
        entry_type,
        account,
        kol_id,
        currency,
        cast(amount as numeric(20, 4)) as amount,
        order_source,
        order_id,
        event_type,
        event_id,
        contract_id,
        cast(commission_rate as numeric(6, 4)) as commission_rate,
        rule_version,
        event_date,
        posting_date,
        entered_at,
        entered_by,
        reason,
        cast({{ build_id() }} as bigint) as _build_id
    from lines

)

select * from final
