-- An invoice is what the ledger's lines of its month say, and its VAT follows from that. Invoices are looked at that are new, or into
-- whose month anything was booked since.
with touched as (

    select invoices.*
    from {{ ref('kol_invoices') }} as invoices
    where
        invoices._build_id > {{ proven_build() }}
        or exists (
            select 1 from {{ ref('ledger_lines') }} as lines
            where
                lines._build_id > {{ proven_build() }}
                and invoices.tenant_id = lines.tenant_id
                and invoices.kol_id = lines.kol_id
                and lines.posting_date between invoices.period_from and invoices.period_to
        )

),

covered as (

    select
        touched.tenant_id,
        touched.invoice_number,
        count(*) as entries,
        -sum(lines.amount) as net_amount
    from touched
    inner join {{ ref('ledger_lines') }} as lines
        on touched.tenant_id = lines.tenant_id
        and touched.kol_id = lines.kol_id
        and touched.currency = lines.currency
        and lines.posting_date between touched.period_from and touched.period_to
    where lines.account = 'kol_payable' and lines.entry_type not in ('payout', 'clawback', 'settlement')
    group by touched.tenant_id, touched.invoice_number

)

select touched.tenant_id, touched.invoice_number
from touched
left join covered on touched.tenant_id = covered.tenant_id and touched.invoice_number = covered.invoice_number
left join {{ ref('currencies') }} as currencies on touched.currency = currencies.currency
where
    touched.entries is distinct from covered.entries
    or touched.net_amount is distinct from covered.net_amount
    or touched.vat_amount is distinct from round(touched.net_amount * touched.vat_rate, currencies.minor_units)
    or touched.gross_amount is distinct from touched.net_amount + touched.vat_amount
