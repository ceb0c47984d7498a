{#
    What rests on the as-of day: a year up to it moves with it. Each model remembers, per tenant, the day that it was built for,
    counted from 2000-01-01.
#}

{# Post-hook: this model has looked at every published tenant as of its day. #}
{% macro advance_as_of() -%}
    {%- if is_building() -%}
    insert into ops.watermarks (model, upstream, position)
        select '{{ this.name }}', 'as_of:' || tenants.tenant_id, tenants.as_of_date - date '2000-01-01'
        from {{ ref('int_tenants__published') }} as tenants
        on conflict (model, upstream) do update set position = excluded.position
    {%- endif -%}
{%- endmacro %}

{#
    A query for the spans of days, per tenant, that a look back of `days` days has lost or gained since `model` was last built:
    (tenant_id, after_date, up_to_date).
#}
{% macro days_that_moved(model, days) -%}
    {%- set spans -%}
        select
            tenants.tenant_id,
            tenants.as_of_date,
            date '2000-01-01' + cast(seen.position as integer) as seen_date
        from {{ ref('int_tenants__published') }} as tenants
        inner join {{ source('ops', 'watermarks') }} as seen
            on seen.model = '{{ model }}' and seen.upstream = 'as_of:' || tenants.tenant_id
    {%- endset -%}
    select tenant_id, least(as_of_date, seen_date) as after_date, greatest(as_of_date, seen_date) as up_to_date
    from ({{ spans }}) as near_end
    where as_of_date <> seen_date
    union all
    select tenant_id, least(as_of_date, seen_date) - {{ days }}, greatest(as_of_date, seen_date) - {{ days }}
    from ({{ spans }}) as far_end
    where as_of_date <> seen_date
{%- endmacro %}
