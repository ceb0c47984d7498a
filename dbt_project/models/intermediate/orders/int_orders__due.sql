-- One row per touched order, store sale or unlinked refund of a tenant that this build may publish.
select touched.*
from {{ ref('int_orders__touched') }} as touched
inner join {{ ref('int_tenants__published') }} as tenants on touched.tenant_id = tenants.tenant_id
