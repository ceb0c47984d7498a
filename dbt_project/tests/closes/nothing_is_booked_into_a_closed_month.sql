-- No entry of the journal, nor line of the commission ledger, stands in a month that was closed before it was entered.
select booked.tenant_id, booked.posting_month, booked.measure, booked.currency, booked.last_entered_at, closes.closed_at
from {{ ref('int_closes__booked') }} as booked
inner join {{ ref('int_closes__months') }} as closes
    on booked.tenant_id = closes.tenant_id and booked.posting_month = closes.closed_month
where booked._build_id > {{ proven_build() }} and booked.last_entered_at > closes.closed_at
