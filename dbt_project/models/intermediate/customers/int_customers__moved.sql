-- One row per touched customer whose first order is another than the one that stands: who only buys again moves no day but
-- that of the purchase. On the first build nobody stands yet and everyone is taken.
{%- set columns = 'tenant_id, customer_id, source, order_id, first_order_at, first_order_date, hour_start_at, channel, campaign_id, kol_id' -%}
{%- if nobody_has_read(['int_customers__first_orders']) %}
select
    cast(null as text) as tenant_id,
    cast(null as text) as customer_id,
    cast(null as text) as cause
where false
{%- else %}
with firsts as (

    select firsts.*
    from {{ ref('int_customers__touched') }} as touched
    {{ look_up(ref('int_customers__firsts'), 'firsts', {'tenant_id': 'touched.tenant_id', 'customer_id': 'touched.customer_id'}) }}

),

standing as (

    select standing.*
    from {{ ref('int_customers__touched') }} as touched
    {{ look_up(ref_later('int_customers__first_orders'), 'standing', {
        'tenant_id': 'touched.tenant_id',
        'customer_id': 'touched.customer_id',
    }) }}

),

came as (

    select {{ columns }} from firsts
    except
    select {{ columns }} from standing

),

went as (

    select {{ columns }} from standing
    except
    select {{ columns }} from firsts

),

moved as (

    select tenant_id, customer_id from came
    union
    select tenant_id, customer_id from went

)

select
    moved.tenant_id,
    moved.customer_id,
    touched.cause
from moved
inner join {{ ref('int_customers__touched') }} as touched
    on moved.tenant_id = touched.tenant_id and moved.customer_id = touched.customer_id
{%- endif %}
