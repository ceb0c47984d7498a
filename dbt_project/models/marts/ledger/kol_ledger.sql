{{ config(materialized='view') }}
-- One row per line of the commission ledger, for people. Amounts of one account, currency and tenant add up to what stands on it.
with lines as (

    select * from {{ ref('ledger_lines') }}

),

kols as (

    select * from {{ ref('dim_kol') }}

),

final as (

    select
        lines.tenant_id,
        lines.kol_id,
        coalesce(kols.kol_name, lines.kol_id) as kol_name,
        lines.posting_date,
        lines.event_date,
        lines.entry_type,
        lines.account,
        lines.currency,
        lines.amount,
        lines.order_source,
        lines.order_id,
        lines.event_type,
        lines.event_id,
        lines.contract_id,
        lines.commission_rate,
        lines.rule_version,
        lines.reason,
        lines.entered_by,
        lines.entered_at,
        lines.transaction_id,
        lines.line_no,
        lines.entry_id
    from lines
    left join kols on lines.tenant_id = kols.tenant_id and lines.kol_id = kols.kol_id

)

select * from final
