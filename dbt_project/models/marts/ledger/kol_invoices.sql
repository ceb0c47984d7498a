{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['tenant_id', 'kol_id', 'currency', 'period_from'], 'unique': true},
            {'columns': ['_build_id']},
        ],
        post_hook=["{{ advance(['kol_invoices']) }}"],
    )
}}
-- One row per tenant and invoice of a KOL; a second one of the same month cannot stand here. Amounts of one currency and tenant add
-- up, credit notes among them.
with tenants as (

    select * from {{ ref('int_tenants__published') }}

),

invoices as (

    select invoices.*
    from {{ ref('int_ledger__invoices') }} as invoices
    {% if is_incremental() -%}
    where not exists (
        select 1 from {{ this }} as standing
        where invoices.tenant_id = standing.tenant_id and invoices.invoice_number = standing.invoice_number
    )
    {%- endif %}

),

final as (

    select
        invoices.tenant_id,
        invoices.invoice_number,
        invoices.invoice_type,
        invoices.kol_id,
        invoices.seller_name as kol_name,
        invoices.currency,
        invoices.period_from,
        invoices.period_to,
        invoices.issued_on,
        cast(invoices.entries as integer) as entries,
        cast(invoices.net_amount as numeric(20, 4)) as net_amount,
        cast(invoices.vat_rate as numeric(6, 4)) as vat_rate,
        cast(invoices.vat_amount as numeric(20, 4)) as vat_amount,
        cast(invoices.gross_amount as numeric(20, 4)) as gross_amount,
        invoices.invoiced_at,
        invoices.entered_by,
        cast({{ build_id() }} as bigint) as _build_id
    from invoices
    inner join tenants on invoices.tenant_id = tenants.tenant_id

)

select * from final
