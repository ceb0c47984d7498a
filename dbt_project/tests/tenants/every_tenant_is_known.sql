-- Rows of a tenant that has no settings reach no mart: the line goes on for the others, and this warns until the tenant's row
-- of the feed tenants is loaded.
{{ config(severity='warn') }}
select
    loads.tenant_id,
    min(loads.feed) as feed,
    sum(loads.rows_loaded) as rows_loaded
from {{ source('ops', 'loads') }} as loads
where not exists (
    select 1 from {{ ref('int_tenants__settings') }} as tenants
    where tenants.tenant_id = loads.tenant_id
)
group by loads.tenant_id
having sum(loads.rows_loaded) > 0
