-- What reconciliation last found: the state of each order, receipt, refund, payout and bank line. All of it follows from the
-- feeds and the rules, so it is not landed; a run without what a former one left comes to the same.

create table if not exists finance.reconciliation_runs (
    run_id bigint generated always as identity primary key,
    tenant_id text not null,
    as_of_date date not null,
    time_zone text not null,
    rules_version text not null,
    positions jsonb not null,
    senders text[] not null,
    is_ahead boolean not null default true,     -- some facts were dated after the day, and were not looked at
    started_at timestamptz not null,
    finished_at timestamptz not null default clock_timestamp()
);
alter table finance.reconciliation_runs add column if not exists is_ahead boolean not null default true;
create index if not exists reconciliation_runs_tenant on finance.reconciliation_runs (tenant_id, run_id);

create table if not exists finance.order_states (
    tenant_id text not null,
    source text not null,
    order_id text not null,
    is_completed boolean not null,
    currency text not null,
    gross_amount numeric(20, 4) not null,
    paid_at timestamptz not null,
    paid_amount numeric(20, 4),
    charges bigint not null,
    charged_currency text,
    charged_amount numeric(20, 4),
    receipt_side text,
    receipt_source text,
    receipt_id text,
    state text not null,
    matched_by text,
    primary key (tenant_id, source, order_id)
);
comment on column finance.order_states.charged_amount is
'What all charges of the order came to, of whatever currency; null where they are of several, or there are none.';
comment on column finance.order_states.receipt_id is 'The payment or remittance that it was paid with, the first of several.';
create index if not exists order_states_open on finance.order_states (tenant_id, order_id)
    where state in ('missing_in_gateway', 'timing', 'ambiguous') or matched_by = 'amount_and_time';

create table if not exists finance.receipt_states (
    tenant_id text not null,
    side text not null,
    source text not null,
    receipt_id text not null,
    order_source text,
    order_id text,
    reference text,
    payment_type text not null,
    currency text not null,
    amount numeric(20, 4) not null,
    fee_amount numeric(20, 4) not null,
    paid_at timestamptz not null,
    payout_id text,
    order_currency text,
    order_amount numeric(20, 4),
    order_charges bigint,
    state text not null,
    matched_by text,
    primary key (tenant_id, side, source, receipt_id)
);
create index if not exists receipt_states_order on finance.receipt_states (tenant_id, order_id);
create index if not exists receipt_states_payout on finance.receipt_states (tenant_id, payout_id);
create index if not exists receipt_states_open on finance.receipt_states (tenant_id, source, receipt_id)
    where state in ('missing_order', 'missing_in_shop', 'timing', 'ambiguous') or matched_by = 'amount_and_time';

create table if not exists finance.refund_states (
    tenant_id text not null,
    source text not null,
    refund_id text not null,
    order_id text not null,
    currency text not null,
    amount numeric(20, 4) not null,
    refunded_at timestamptz not null,
    payment_source text,
    payment_id text,
    state text not null,
    primary key (tenant_id, source, refund_id)
);
create index if not exists refund_states_open on finance.refund_states (tenant_id, order_id)
    where state in ('missing_in_gateway', 'timing');

create table if not exists finance.payout_states (
    tenant_id text not null,
    kind text not null,
    source text not null,
    payout_id text not null,
    currency text not null,
    sender text not null,
    reference text not null,
    amount numeric(20, 4) not null,
    due_on date,
    state text not null,
    matched_by text,
    account_id text,
    line_id text,
    lines bigint not null,
    received_currency text,
    received_amount numeric(20, 4),
    primary key (tenant_id, kind, source, payout_id, currency)
);
comment on column finance.payout_states.lines is 'Lines of the bank that are known to be of this payout.';
comment on column finance.payout_states.received_amount is 'What came at the bank; null where nothing did, or by lines of several currencies.';
create index if not exists payout_states_due on finance.payout_states (tenant_id, due_on);
create index if not exists payout_states_reference on finance.payout_states (tenant_id, reference);

-- Payments that no report has settled: the day of their gateway in which they wait, and what became of each.
create table if not exists finance.unsettled_states (
    tenant_id text not null,
    source text not null,
    payment_id text not null,
    payout_id text not null,
    currency text not null,
    amount numeric(20, 4) not null,
    state text not null,
    primary key (tenant_id, source, payment_id)
);

create table if not exists finance.line_states (
    tenant_id text not null,
    account_id text not null,
    line_id text not null,
    currency text not null,
    amount numeric(20, 4) not null,
    booked_on date not null,
    sender text not null,
    named text[] not null,
    state text not null,
    matched_by text,
    kind text,
    source text,
    payout_id text,
    payout_currency text,
    primary key (tenant_id, account_id, line_id)
);
create index if not exists line_states_booked on finance.line_states (tenant_id, booked_on);
create index if not exists line_states_payout on finance.line_states (tenant_id, payout_id);
create index if not exists line_states_named on finance.line_states using gin (named);

-- What people look at every day is what is open. The words are those of the marts' condition, or the index would not serve it.
create index if not exists order_states_break on finance.order_states (tenant_id)
    where state not in ('matched', 'timing', 'void', 'not_sales') and state <> 'by_bank';
create index if not exists receipt_states_break on finance.receipt_states (tenant_id)
    where state not in ('matched', 'timing', 'void', 'not_sales');
create index if not exists refund_states_break on finance.refund_states (tenant_id)
    where state not in ('matched', 'timing', 'void', 'not_sales');
create index if not exists payout_states_break on finance.payout_states (tenant_id)
    where state not in ('matched', 'timing', 'void', 'not_sales');
create index if not exists line_states_break on finance.line_states (tenant_id)
    where state not in ('matched', 'timing', 'void', 'not_sales');
