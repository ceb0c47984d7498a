{{ config(materialized='view') }}
-- One row per entry of the financial journal.
select
    tenant_id,
    entry_id,
    entry_type,
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
    entered_at,
    entered_by,
    reason,
    _load_id
from {{ ref('stg_journal_entries') }}
