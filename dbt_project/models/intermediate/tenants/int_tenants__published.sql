-- One row per tenant that this build may publish; a held tenant is missing here and stays as it was.
select tenants.*
from {{ ref('int_tenants__settings') }} as tenants
where not exists (
    select 1 from {{ ref('int_tenants__held') }} as held
    where tenants.tenant_id = held.tenant_id
)
