{#
    What is learnt from all customers of a tenant is learnt anew only when what it is learnt from is another. A number tells that;
    each model remembers, per tenant, the number that it was built from.
#}

{# The last Sunday on or before a day. #}
{% macro last_sunday(day) -%}
{{ day }} - mod({{ day }} - date '2000-01-02', 7)
{%- endmacro %}

{# A query for the number of what offers are learnt from, per published tenant: (tenant_id, signature). #}
{% macro signatures(of_offers) -%}
    select
        learnt.tenant_id,
        {%- if of_offers %}
        {{ hash_of("cast(learnt.purchases_signature as text) || '|' || coalesce(products.signature, '') || '|' || coalesce(segments.signature, '')") }} as signature
        {%- else %}
        learnt.purchases_signature as signature
        {%- endif %}
    from {{ ref('int_products__learnt') }} as learnt
    inner join {{ ref('int_tenants__published') }} as tenants on learnt.tenant_id = tenants.tenant_id
    {%- if of_offers %}
    left join (
        select
            tenant_id,
            cast(sum(cast({{ hash_of("product_id || '|' || product_name || '|' || coalesce(category, '') || '|' || coalesce(cast(price_amount as text), '')") }} as numeric(38, 0))) as text) as signature
        from {{ ref('int_products__catalogue') }}
        group by tenant_id
    ) as products on learnt.tenant_id = products.tenant_id
    left join (
        select tenant_id, cast(max(as_of_date) as text) || '|' || cast(max(_build_id) as text) as signature
        from {{ ref('clv_segments') }}
        group by tenant_id
    ) as segments on learnt.tenant_id = segments.tenant_id
    {%- endif %}
{%- endmacro %}

{# A query for the published tenants of whom `model` has to learn anew: (tenant_id). #}
{% macro tenants_to_learn(model, of_offers=false) -%}
    select told.tenant_id
    from ({{ signatures(of_offers) }}) as told
    where
        not exists (
            select 1 from {{ source('ops', 'watermarks') }} as seen
            where
                seen.model = '{{ model }}'
                and seen.upstream = 'learnt:' || told.tenant_id
                and seen.position = told.signature
        )
{%- endmacro %}

{# Pre-hook: take out what is about to be learnt anew. #}
{% macro delete_to_learn(of_offers=false) -%}
    {%- if is_incremental() -%}
    delete from {{ this }} as standing
        where standing.tenant_id in ({{ tenants_to_learn(this.name, of_offers) }})
    {%- endif -%}
{%- endmacro %}

{# Post-hook: this model has learnt all there is of every published tenant. #}
{% macro advance_learnt(of_offers=false) -%}
    {%- if is_building() -%}
    insert into ops.watermarks (model, upstream, position)
        select '{{ this.name }}', 'learnt:' || told.tenant_id, told.signature
        from ({{ signatures(of_offers) }}) as told
        on conflict (model, upstream) do update set position = excluded.position
    {%- endif -%}
{%- endmacro %}
