{{ config(materialized='view') }}
-- One row per customer with a record: what its records say together. Of each thing the newest record that has it is believed.
with records as (

    select
        *,
        row_number() over (
            partition by tenant_id, customer_id order by described_at desc, record_source asc, record_type asc, record_id asc
        ) as record_rank,
        max(case when accepts_email_marketing is not null then email_consent_at end) over (
            partition by tenant_id, customer_id
        ) as newest_email_consent_at,
        max(case when accepts_sms_marketing is not null then sms_consent_at end) over (
            partition by tenant_id, customer_id
        ) as newest_sms_consent_at
    from {{ ref('int_customers__records') }}

)

select
    tenant_id,
    customer_id,
    count(*) as records,
    sum(case when record_type = 'customer' then 1 else 0 end) as customer_records,
    sum(case when record_type = 'order' then 1 else 0 end) as order_records,
    sum(case when record_type = 'sale' then 1 else 0 end) as sale_records,
    {{ text_list('record_source') }} as sources,
    {{ newest('full_name') }} as full_name,
    {{ newest('email') }} as email,
    {{ newest('phone') }} as phone,
    cast({{ newest('cast(birth_date as text)') }} as date) as birth_date,
    {{ newest('city') }} as city,
    {{ newest('loyalty_tier') }} as loyalty_tier,
    {{ newest_consent('accepts_email_marketing', 'email_consent_at', 'newest_email_consent_at') }} as accepts_email_marketing,
    max(newest_email_consent_at) as email_consent_at,
    {{ newest_consent('accepts_sms_marketing', 'sms_consent_at', 'newest_sms_consent_at') }} as accepts_sms_marketing,
    max(newest_sms_consent_at) as sms_consent_at
from records
group by tenant_id, customer_id
