{{ config(materialized='view') }}
-- One row per visitor whom a key ties to a customer: the customer, or none where the visitor is shared.
select
    tenant_id,
    visitor_id,
    case when count(*) = 1 then max(customer_id) end as customer_id,
    count(*) as customers,
    count(*) > 1 as is_shared
from {{ ref('int_visitors__ties') }}
group by tenant_id, visitor_id
