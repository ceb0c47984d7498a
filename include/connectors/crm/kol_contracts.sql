-- CRM list of contracts with KOLs (CSV) to the feed kol_contracts.
-- Traps: the commission is a percentage ("12.5%"), the contract's column a share; the last day belongs to the contract; a
-- correction is the same contract number with a later modified_at.
select
    _row,
    contract_no as contract_id,
    kol_code as kol_id,
    campaign_code as campaign_id,
    campaign_title as campaign_name,
    first_day as starts_on,
    last_day as ends_on,
    currency,
    fixed_fee,
    platform_fee,
    goods_value as goods_cost,
    if(
        regexp_full_match(commission, '\d+(\.\d+)?%'),
        coalesce(
            cast(try_cast(rtrim(commission, '%') as decimal(20, 8)) * cast(0.01 as decimal(3, 2)) as varchar),
            commission || ' is not a percentage'
        ),
        commission || ' is not a percentage'
    ) as commission_rate,
    coupon as coupon_code,
    modified_at as updated_at,
    * exclude (
        _row, contract_no, kol_code, campaign_code, campaign_title, first_day, last_day, currency, fixed_fee,
        platform_fee, goods_value, commission, coupon, modified_at
    )
from source
