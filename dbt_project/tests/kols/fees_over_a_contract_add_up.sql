-- Over the whole life of a contract its days' shares are its fees to the last unit; on no day are they more.
with contracts as (

    select
        contracts.tenant_id,
        contracts.contract_id,
        contracts.fixed_fee,
        contracts.platform_fee,
        contracts.goods_cost,
        contracts.starts_on <= tenants.as_of_date as has_started,
        contracts.ends_on <= tenants.as_of_date as has_ended
    from {{ ref('stg_kol_contracts') }} as contracts
    inner join {{ ref('int_tenants__settings') }} as tenants on contracts.tenant_id = tenants.tenant_id

),

costs as (

    select
        tenant_id,
        contract_id,
        sum(fixed_fee_amount) as fixed_fee,
        sum(platform_fee_amount) as platform_fee,
        sum(goods_amount) as goods_cost
    from {{ ref('int_kols__cost_days') }}
    group by tenant_id, contract_id

)

select
    coalesce(contracts.tenant_id, costs.tenant_id) as tenant_id,
    coalesce(contracts.contract_id, costs.contract_id) as contract_id
from contracts
full outer join costs on contracts.tenant_id = costs.tenant_id and contracts.contract_id = costs.contract_id
where
    contracts.contract_id is null
    or (contracts.has_started and (costs.contract_id is null or costs.goods_cost is distinct from contracts.goods_cost))
    or (
        contracts.has_ended
        and (costs.fixed_fee is distinct from contracts.fixed_fee or costs.platform_fee is distinct from contracts.platform_fee)
    )
    or costs.fixed_fee > contracts.fixed_fee
    or costs.platform_fee > contracts.platform_fee
