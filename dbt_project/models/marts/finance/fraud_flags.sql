{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[
            {'columns': ['tenant_id', 'source', 'order_id', 'rule'], 'unique': true},
            {'columns': ['tenant_id', 'flagged_on']},
        ],
        pre_hook="{{ delete_published_tenants() }}",
        post_hook=["{{ advance() }}"],
    )
}}
-- One row per tenant, source, order and rule that flags it. Made anew for each tenant that may be published: flags are few, and a
-- person's word on one may come at any time. Amounts do not add up over rules, for several may flag an order.
with tenants as (

    select * from {{ ref('int_tenants__published') }}

),

flags as (

    select * from {{ ref('int_fraud__flags') }}

),

reviews as (

    select * from {{ ref('int_fraud__reviews') }}

),

final as (

    select
        flags.tenant_id,
        flags.source,
        flags.order_id,
        flags.rule,
        flags.rule_version,
        flags.flagged_on,
        flags.kol_id,
        flags.credit_status,
        flags.customer_id,
        flags.currency,
        cast(flags.gross_amount as numeric(20, 4)) as amount,
        flags.subject,
        flags.evidence,
        reviews.verdict,
        reviews.entered_by as reviewed_by,
        reviews.reviewed_at,
        reviews.reason as review_reason,
        flags.credit_status = 'credited' and coalesce(reviews.verdict, '') <> 'cleared' as is_held,
        cast({{ build_id() }} as bigint) as _build_id
    from flags
    inner join tenants on flags.tenant_id = tenants.tenant_id
    left join reviews
        on flags.tenant_id = reviews.tenant_id
        and flags.source = reviews.source
        and flags.order_id = reviews.order_id
        and flags.rule = reviews.rule

)

select * from final
