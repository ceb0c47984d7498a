-- One row per tenant whose purchases, up to the last Sunday on or before the as-of day, may be others than they were when
-- int_products__learnt was last built.
{%- set reader = ['int_products__learnt'] %}
{%- if nobody_has_read(reader) %}
select
    cast(null as text) as tenant_id
where false
{%- else %}
with tenants as (

    select
        tenant_id,
        {{ last_sunday('as_of_date') }} as learnt_date
    from {{ ref('int_tenants__published') }}

)

select tenants.tenant_id
from tenants
left join {{ ref_later('int_products__learnt') }} as standing on tenants.tenant_id = standing.tenant_id
where
    coalesce(standing.learnt_date, date '1900-01-01') <> tenants.learnt_date
    or exists (
        select 1 from {{ ref('int_products__touched') }} as touched
        where tenants.tenant_id = touched.tenant_id and touched.moved_date <= tenants.learnt_date
    )
{%- endif %}
