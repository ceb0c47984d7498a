-- What a night has to look at anew, as temporary tables of the reading session; the names in braces are literals.

create temp table changed_payments on commit drop as
select source, payment_id, order_id, payout_id from staging.stg_payments
where tenant_id = {tenant} and _load_id > {payments}
union
select old_row ->> 'source', old_row ->> 'payment_id', old_row ->> 'order_id', old_row ->> 'payout_id'
from ops.restatements where feed = 'payments' and tenant_id = {tenant} and load_id > {payments};

create temp table changed_remittances on commit drop as
select source, remittance_id, order_id from staging.stg_remittances
where tenant_id = {tenant} and _load_id > {remittances}
union
select old_row ->> 'source', old_row ->> 'remittance_id', old_row ->> 'order_id'
from ops.restatements where feed = 'remittances' and tenant_id = {tenant} and load_id > {remittances};

create temp table changed_takings on commit drop as
select source, store_id || ':' || (sold_at at time zone {zone})::date || ':' || payment_method as payout_id, sold_at
from (
    select source, store_id, payment_method, sold_at from staging.stg_pos_sales
    where tenant_id = {tenant} and _load_id > {pos_sales}
    union
    select old_row ->> 'source', old_row ->> 'store_id', old_row ->> 'payment_method',
        (old_row ->> 'sold_at')::timestamptz
    from ops.restatements where feed = 'pos_sales' and tenant_id = {tenant} and load_id > {pos_sales}
) as sales;

-- Payments that changed or are open.
create temp table touched_payments on commit drop as
select source, payment_id, order_id from changed_payments
union
select source, receipt_id, reference from finance.receipt_states
where
    tenant_id = {tenant} and side = 'payment'
    and (
        state in ('missing_order', 'missing_in_shop', 'timing', 'ambiguous')
        or matched_by = 'amount_and_time'
    );

-- Orders that changed or are gone, or that something which changed names; those that are open; and all orders of their customers, for a
-- payer is known by what was paid before.
create temp table named_orders on commit drop as
select order_id from marts.tracked_orders where tenant_id = {tenant} and _build_id > {builds}
union
select order_id from raw.orders where tenant_id = {tenant} and _deleted and _load_id > {orders}
union
select order_id from staging.stg_refunds where tenant_id = {tenant} and _load_id > {refunds}
union
select old_row ->> 'order_id' from ops.restatements
where feed = 'refunds' and tenant_id = {tenant} and load_id > {refunds}
union
select order_id from touched_payments
union
select order_id from changed_remittances
union
select order_id from finance.order_states
where
    tenant_id = {tenant}
    and (state in ('missing_in_gateway', 'timing', 'ambiguous') or matched_by = 'amount_and_time')
union
select order_id from finance.refund_states
where tenant_id = {tenant} and state in ('missing_in_gateway', 'timing');

create temp table touched_orders on commit drop as
select order_id from named_orders where order_id is not null
union
select others.order_id
from staging.stg_orders as own
inner join staging.stg_orders as others
    on others.tenant_id = {tenant} and others.source = own.source and others.source_customer_id = own.source_customer_id
where own.tenant_id = {tenant} and own.order_id in (select order_id from named_orders);

create unique index on touched_orders (order_id);

analyze changed_payments;
analyze changed_remittances;
analyze changed_takings;
analyze touched_orders;
analyze touched_payments;
