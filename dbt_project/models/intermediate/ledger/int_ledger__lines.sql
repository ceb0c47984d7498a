{{ config(materialized='view') }}
-- One row per line of the commission ledger that was entered.
select
    tenant_id,
    entry_id,
    transaction_id,
    line_no,
    entry_type,
    account,
    kol_id,
    currency,
    amount,
    order_source,
    order_id,
    event_type,
    event_id,
    contract_id,
    commission_rate,
    rule_version,
    event_date,
    posting_date,
    entered_at,
    entered_by,
    reason
from {{ ref('stg_ledger_entries') }}
