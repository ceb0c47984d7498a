-- What the shapes have in common: how systems write instants and money. `TimeZone` of the session is the tenant's.
create macro gmt(t) as strftime(timezone('UTC', t), '%Y-%m-%dT%H:%M:%S');
create macro utc_z(t) as gmt(t) || 'Z';
create macro site_time(t) as strftime(t, '%Y-%m-%dT%H:%M:%S');
create macro iso(t) as site_time(t) || strftime(t, '%z') || if(length(strftime(t, '%z')) = 3, ':00', '');
create macro kiot_time(t) as site_time(t) || '.0000000';
create macro courier_time(t) as strftime(t, '%d/%m/%Y %H:%M:%S');
create macro vnp_time(t) as strftime(timezone('Asia/Ho_Chi_Minh', t), '%Y%m%d%H%M%S');
create macro epoch_s(t) as cast(epoch(t) as bigint);
create macro has_no_decimals(c) as c in ('VND', 'JPY', 'KRW');
create macro money(a, c) as
    if(has_no_decimals(c), cast(cast(a as decimal(20, 0)) as varchar), cast(cast(a as decimal(20, 2)) as varchar));
create macro minor(a, c) as if(has_no_decimals(c), cast(a as bigint), cast(a * 100 as bigint));
create macro minor_money(a, c) as if(a is null, null, {'amount': minor(a, c), 'currency': c});
create macro shop_money(a, c) as if(a is null, null, {
    'shop_money': {'amount': money(a, c), 'currency_code': c},
    'presentment_money': {'amount': money(a * 3, 'EUR'), 'currency_code': 'EUR'}
});
create macro plain_number(a) as
    if(contains(cast(a as varchar), '.'), rtrim(rtrim(cast(a as varchar), '0'), '.'), cast(a as varchar));
create macro grouped(a, c, thousands, point) as
    replace(format('{:,}', cast(trunc(a) as bigint)), ',', thousands)
    || if(has_no_decimals(c), '', point || right(money(a, c), 2));
create macro address_part(a, n) as case
    when n = 1 then string_split(a, ', ')[1]
    when n = 2 and len(string_split(a, ', ')) > 2 then array_to_string(string_split(a, ', ')[2:-2], ', ')
    when n = 3 and len(string_split(a, ', ')) > 1 then string_split(a, ', ')[-1]
end;
create macro kiot_method(m) as case m
    when 'cash' then 'Cash' when 'card' then 'Card' when 'wallet' then 'Wallet' when 'bank_transfer' then 'Transfer'
    else 'Voucher'
end;
create macro pick(id, n) as ascii(right(md5(id), 1)) % n;
