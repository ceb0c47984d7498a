-- The invoices of a tenant and year are counted from one on, and none is left out.
with counted as (

    select
        tenant_id,
        invoice_number,
        cast(extract(year from issued_on) as integer) as issued_year,
        row_number() over (partition by tenant_id, extract(year from issued_on) order by invoice_number) as number_in_year
    from {{ ref('kol_invoices') }}

)

select tenant_id, invoice_number
from counted
where
    invoice_number <> tenant_id || '-' || cast(issued_year as text) || '-' || lpad(cast(number_in_year as text), 6, '0')
