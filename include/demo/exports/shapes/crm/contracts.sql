-- The CRM's list of contracts: commissions are percentages.
select
    contract_id as contract_no,
    kol_id as kol_code,
    campaign_id as campaign_code,
    campaign_name as campaign_title,
    cast(starts_on as varchar) as first_day,
    cast(ends_on as varchar) as last_day,
    currency,
    money(fixed_fee, currency) as fixed_fee,
    money(platform_fee, currency) as platform_fee,
    money(goods_cost, currency) as goods_value,
    plain_number(commission_rate * 100) || '%' as commission,
    coupon_code as coupon,
    utc_z(updated_at) as modified_at
from kol_contracts
order by updated_at, contract_id
