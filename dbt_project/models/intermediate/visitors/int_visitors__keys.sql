{{ config(materialized='view') }}
-- One row per visitor and customer whom a key ties: a login, an order, or an e-mail that was sent the link which was clicked.
with keys as (

    select tenant_id, visitor_id, customer_id
    from {{ ref('int_customers__records') }}
    where visitor_id is not null
    union
    select tenant_id, visitor_id, customer_id
    from {{ ref('int_visitors__orders') }}
    union
    select visits.tenant_id, visits.visitor_id, records.customer_id
    from {{ ref('int_visitors__visits') }} as visits
    inner join {{ ref('int_customers__records') }} as records
        on visits.tenant_id = records.tenant_id and visits.email_hash = records.email_hash

)

select
    tenant_id,
    visitor_id,
    customer_id,
    count(*) over (partition by tenant_id, visitor_id) > 1 as is_shared
from keys
