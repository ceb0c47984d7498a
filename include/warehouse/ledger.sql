-- How far each tenant's commission ledger has come. Both tables follow from the landed entries: without them the next posting
-- looks at every order, finds it posted, and fills them again.

create table if not exists finance.ledger_progress (
    tenant_id text primary key,
    build_id bigint not null default 0,         -- what builds up to this one have changed is posted
    orders_load_id bigint not null default 0,   -- and orders that loads of orders up to this one have removed
    held jsonb not null default '[]',           -- orders that were held when it was posted: [source, order_id]
    entries_load_id bigint not null default 0,  -- entries of loads up to this one are in the balances
    is_landing boolean not null default true    -- a posting has begun to land entries and has not said that they are loaded
);

create table if not exists finance.ledger_balances (
    tenant_id text not null,
    kol_id text not null,
    currency text not null,
    account text not null,
    amount numeric(20, 4) not null,
    lines bigint not null,
    primary key (tenant_id, kol_id, currency, account)
);

-- How far each tenant's financial journal has come, likewise. The days of its entries are those of a zone.
create table if not exists finance.journal_progress (
    tenant_id text primary key,
    time_zone text not null,
    positions jsonb not null    -- feed: load up to which it is entered; builds: build up to which events are
);
