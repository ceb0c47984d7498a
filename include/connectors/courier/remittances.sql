-- Courier's cash-on-delivery report (CSV, semicolons) to the feed remittances: one row per delivered order.
-- Traps: amounts have dots for thousands and a comma for decimals (1.250.000 is a million and a quarter); times are local,
-- dd/mm/yyyy, without an offset; a session without a transfer time is collected but still owed; the shop's reference is
-- "system/order".
with rows_read as (
    select
        *,
        '\d{1,3}(\.\d{3})*(,\d+)?' as number_form
    from source
)

select
    _row,
    session_code as remittance_id,
    if(contains(merchant_ref, '/'), split_part(merchant_ref, '/', 1), null) as order_source,
    if(contains(merchant_ref, '/'), substr(merchant_ref, instr(merchant_ref, '/') + 1), merchant_ref) as order_id,
    'cod' as remittance_type,
    currency,
    if(
        regexp_full_match(cod_amount, number_form),
        replace(replace(cod_amount, '.', ''), ',', '.'),
        cod_amount || ' is not like 1.250.000,00'
    ) as collected_amount,
    if(
        regexp_full_match(service_fee, number_form),
        replace(replace(service_fee, '.', ''), ',', '.'),
        service_fee || ' is not like 1.250.000,00'
    ) as fee_amount,
    if(
        regexp_full_match(transfer_amount, '-?' || number_form),
        replace(replace(transfer_amount, '.', ''), ',', '.'),
        transfer_amount || ' is not like 1.250.000,00'
    ) as net_amount,
    local_to_utc(
        coalesce(
            strftime(try_strptime(delivered_time, '%d/%m/%Y %H:%M:%S'), '%Y-%m-%d %H:%M:%S'),
            delivered_time || ' is not dd/mm/yyyy hh:mm:ss'
        ),
        getvariable('time_zone')
    ) as collected_at,
    local_to_utc(
        coalesce(
            strftime(try_strptime(transferred_time, '%d/%m/%Y %H:%M:%S'), '%Y-%m-%d %H:%M:%S'),
            transferred_time || ' is not dd/mm/yyyy hh:mm:ss'
        ),
        getvariable('time_zone')
    ) as remitted_at,
    local_to_utc(
        coalesce(
            strftime(try_strptime(updated_time, '%d/%m/%Y %H:%M:%S'), '%Y-%m-%d %H:%M:%S'),
            updated_time || ' is not dd/mm/yyyy hh:mm:ss'
        ),
        getvariable('time_zone')
    ) as updated_at,
    * exclude (
        _row, session_code, merchant_ref, currency, cod_amount, service_fee, transfer_amount, delivered_time,
        transferred_time, updated_time, number_form
    )
from rows_read
