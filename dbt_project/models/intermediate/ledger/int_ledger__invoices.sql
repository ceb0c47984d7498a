{{ config(materialized='view') }}
-- One row per invoice of a KOL that was made.
select
    tenant_id,
    invoice_number,
    invoice_type,
    kol_id,
    seller_name,
    currency,
    period_from,
    period_to,
    issued_on,
    entries,
    net_amount,
    vat_rate,
    vat_amount,
    gross_amount,
    invoiced_at,
    entered_by
from {{ ref('stg_kol_invoices') }}
