-- Every customer of a source is a record, each record's customer stands in customer_360 with as many records as it has, and what
-- was deleted at its source is no record.
with records as (

    select
        records.tenant_id,
        records.customer_id,
        count(*) as records
    from {{ ref('int_customers__records') }} as records
    where exists (
        select 1 from {{ ref('int_customers__records') }} as written
        where
            written._build_id > {{ proven_build() }}
            and records.tenant_id = written.tenant_id
            and records.customer_id = written.customer_id
    )
    group by records.tenant_id, records.customer_id

)

select customers.tenant_id, customers.source || ':' || customers.source_customer_id as subject, 'is no record' as defect
from {{ ref('stg_customers') }} as customers
where
    customers._load_id > {{ proven_load('customers') }}
    and not exists (
        select 1 from {{ ref('int_customers__records') }} as records
        where
            customers.tenant_id = records.tenant_id
            and customers.source_customer_id = records.record_id
            and customers.source = records.record_source
            and records.record_type = 'customer'
    )
union all
select records.tenant_id, records.customer_id, 'has other records in customer_360' as defect
from records
inner join {{ ref('int_tenants__published') }} as tenants on records.tenant_id = tenants.tenant_id
left join {{ ref('customer_360') }} as customers
    on records.tenant_id = customers.tenant_id and records.customer_id = customers.customer_id
where records.records is distinct from customers.records
union all
select deleted.tenant_id, deleted.source || ':' || deleted.source_customer_id, 'was deleted at its source' as defect
from {{ source('raw', 'customers') }} as deleted
inner join {{ ref('int_customers__records') }} as records
    on deleted.tenant_id = records.tenant_id
    and deleted.source_customer_id = records.record_id
    and deleted.source = records.record_source
    and records.record_type = 'customer'
where deleted._deleted and deleted._load_id > {{ proven_load('customers') }} and deleted._load_id <= {{ pin('customers') }}
