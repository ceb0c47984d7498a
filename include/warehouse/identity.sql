-- What the matcher of customers works with; all of it can be made anew from the feeds and the landed decisions.

create table if not exists identity.records (
    record_no bigint primary key,
    tenant_id text not null,
    record_source text not null,
    record_type text not null,
    record_key text not null,
    record_name text not null,
    customer_id text not null,
    first_run bigint not null,
    created_at timestamptz,
    given text, middle text, family text, birth text, email text, email_local text, phone text, card text,
    national_id text, visitor text, street text, house text, postcode text, city text, state text,
    tf_given double precision, tf_family double precision, tf_street double precision, tf_city double precision
);
create unique index if not exists records_name on identity.records (tenant_id, record_name);
create index if not exists records_customer on identity.records (tenant_id, customer_id);

-- A night's keys fall all over this index; logging its pages would cost more than making it anew after a crash.
create unlogged table if not exists identity.block_keys (key bigint not null, record_no bigint not null);
create index if not exists block_keys_key on identity.block_keys (key) include (record_no);
create index if not exists block_keys_record on identity.block_keys (record_no);

-- Pairs whose weight links them, also those that clustering refused.
create table if not exists identity.links (
    left_no bigint not null, right_no bigint not null, weight double precision not null
);
create index if not exists links_left on identity.links (left_no);
create index if not exists links_right on identity.links (right_no);

create table if not exists identity.hubs (
    tenant_id text not null, column_name text not null, value text not null, persons bigint not null
);
create table if not exists identity.term_frequencies (
    column_name text not null, value text not null, frequency double precision not null,
    primary key (column_name, value)
);
create table if not exists identity.models (
    version text primary key,
    model jsonb not null,
    trained_at timestamptz not null default clock_timestamp(),
    trained_on bigint not null,
    pinned_at timestamptz,
    label_accuracy numeric(7, 6),
    is_active boolean not null default false
);
create unique index if not exists models_active on identity.models (is_active) where is_active;

-- How far each run has read: the loads of each feed.
create table if not exists identity.runs (
    run_no bigint generated always as identity primary key,
    mode text not null,
    model_version text not null,
    pins jsonb not null,
    started_at timestamptz not null,
    finished_at timestamptz not null default clock_timestamp(),
    figures jsonb not null
);

create table if not exists identity.merge_log (
    log_id bigint generated always as identity primary key,
    run_no bigint not null,
    tenant_id text not null,
    action text not null check (action in ('join', 'merge', 'split', 'move')),
    customer_id text not null,
    former_customer_id text,
    record_names text[] not null,
    decided_by text not null,
    evidence jsonb not null,
    logged_at timestamptz not null default clock_timestamp()
);
create index if not exists merge_log_customer on identity.merge_log (tenant_id, customer_id);

create table if not exists identity.review_queue (
    tenant_id text not null,
    left_name text not null,
    right_name text not null,
    reason text not null,
    weight double precision not null,
    evidence jsonb,
    run_no bigint not null,
    queued_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, left_name, right_name)
);
create index if not exists review_queue_right on identity.review_queue (tenant_id, right_name);

-- What was answered online before a nightly run had seen the record, and what the run made of it.
create table if not exists identity.resolutions (
    resolution_id bigint generated always as identity primary key,
    tenant_id text not null,
    record_name text,
    customer_id text,
    weight double precision,
    resolved_at timestamptz not null default clock_timestamp(),
    confirmed_run bigint,
    nightly_customer_id text
);
create index if not exists resolutions_open on identity.resolutions (tenant_id, record_name) where confirmed_run is null;

create or replace function identity.record_name(source text, kind text, key text) returns text
language sql immutable
begin atomic
    select source || ':' || case kind when 'customer' then '' else kind || ':' end || key;
end;

-- The decisions in force, as people look for them.
create or replace view identity.customer_map as
    select tenant_id, record_source, record_type, record_id, customer_id, run_id, decided_at
    from raw.customer_map where not _deleted;
create or replace view identity.overrides as
    select
        tenant_id, override_id, link, identity.record_name(left_source, left_type, left_id) as left_record,
        identity.record_name(right_source, right_type, right_id) as right_record, reason, decided_by, decided_at
    from raw.identity_overrides where is_active and not _deleted;
