{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['tenant_id', 'customer_id'], 'unique': true},
            {'columns': ['_build_id']},
        ],
        pre_hook="{{ delete_touched(ref('int_customers__figures_touched'), {'tenant_id': 'tenant_id', 'customer_id': 'customer_id'}) }}",
        post_hook=["{{ advance_as_of() }}", "{{ advance(['customers', 'customer_map', 'orders', 'pos_sales', 'clicks', 'tenants']) }}"],
    )
}}
-- One row per tenant and customer: what customer_360 shows without what moves with the as-of day alone, and with masks in the place
-- of personal data. Counts and amounts add up over customers of one tenant.
with figures as (

    select figures.*
    {% if is_incremental() -%}
    from {{ ref('int_customers__figures_touched') }} as touched
    {{ look_up(ref('int_customers__figures'), 'figures', {'tenant_id': 'touched.tenant_id', 'customer_id': 'touched.customer_id'}) }}
    {%- else -%}
    from {{ ref('int_customers__figures') }} as figures
    {%- endif %}

),

tenants as (

    select * from {{ ref('int_tenants__published') }}

),

final as (

    select
        figures.tenant_id,
        figures.customer_id,
        cast(figures.records as bigint) as records,
        cast(figures.customer_records as bigint) as customer_records,
        cast(figures.order_records as bigint) as order_records,
        cast(figures.sale_records as bigint) as sale_records,
        figures.sources,
        {{ masked_name('figures.full_name') }} as full_name_masked,
        {{ masked_email('figures.email') }} as email_masked,
        {{ masked_phone('figures.phone') }} as phone_masked,
        cast(extract(year from figures.birth_date) as integer) as birth_year,
        figures.city,
        cast(figures.visitors as bigint) as visitors,
        cast(figures.clicks as bigint) as clicks,
        figures.first_touch_at,
        figures.first_touch_type,
        figures.first_touch_channel,
        figures.first_touch_kol_id,
        figures.last_touch_at,
        figures.last_touch_type,
        figures.last_touch_channel,
        figures.last_touch_kol_id,
        figures.first_order_at,
        figures.last_order_at,
        figures.last_order_date,
        cast(figures.online_orders as bigint) as online_orders,
        cast(figures.store_orders as bigint) as store_orders,
        cast(figures.online_orders + figures.store_orders as bigint) as orders,
        tenants.reporting_currency,
        cast(figures.online_spend as numeric(20, 4)) as online_spend,
        cast(figures.store_spend as numeric(20, 4)) as store_spend,
        cast(figures.online_spend + figures.store_spend as numeric(20, 4)) as total_spend,
        cast(figures.net_revenue as numeric(20, 4)) as net_revenue,
        cast(figures.returns as bigint) as returns,
        cast(figures.returned_amount as numeric(20, 4)) as returned_amount,
        cast({{ ratio('figures.net_revenue', '(figures.online_orders + figures.store_orders)') }} as numeric(20, 4)) as average_order_value_amount,
        cast(figures.year_spend as numeric(20, 4)) as year_spend,
        figures.loyalty_tier,
        figures.accepts_email_marketing,
        figures.email_consent_at,
        figures.accepts_sms_marketing,
        figures.sms_consent_at,
        cast({{ build_id() }} as bigint) as _build_id
    from figures
    inner join tenants on figures.tenant_id = tenants.tenant_id

)

select * from final
