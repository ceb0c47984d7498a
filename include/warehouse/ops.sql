-- Bookkeeping of loads. The loader writes it, everybody but the reader reads it, nobody deletes from it.

create sequence if not exists ops.load_id_seq;

create table if not exists ops.landed_files (
    file_id bigint generated always as identity primary key,
    tenant_id text not null,
    source text not null,
    path text not null unique,
    name text not null,
    interval_start timestamptz not null,
    interval_end timestamptz not null,
    sequence integer not null,
    landing_seq bigint not null,
    sha256 text not null,
    bytes bigint not null,
    delivery_id text,
    landed_at timestamptz not null
);
create index if not exists landed_files_source on ops.landed_files (tenant_id, source, interval_end);

create table if not exists ops.loads (
    load_id bigint primary key,
    feed text not null,
    tenant_id text not null,
    source text not null,
    file_id bigint not null references ops.landed_files,
    mapping text not null,
    mapping_version text not null,
    contract_version text not null,
    interval_start timestamptz not null,
    interval_end timestamptz not null,
    records_read bigint not null,
    rows_read bigint not null,
    rows_loaded bigint not null,
    rows_quarantined bigint not null,
    rows_unchanged bigint not null,
    rows_conflicting bigint not null,
    rows_tied bigint not null,
    rows_superseded bigint not null,
    rows_tombstoned bigint not null,
    totals jsonb not null,
    cursor_max text,
    started_at timestamptz not null,
    finished_at timestamptz not null default clock_timestamp(),
    unique (file_id, feed, mapping_version, contract_version),
    constraint nothing_lost
        check (rows_read = rows_loaded + rows_quarantined + rows_unchanged + rows_conflicting),
    constraint superseded_are_unchanged check (rows_superseded <= rows_unchanged)
);
create index if not exists loads_feed on ops.loads (feed, load_id);

create table if not exists ops.quarantine (
    quarantine_id bigint generated always as identity primary key,
    load_id bigint not null,
    feed text not null,
    tenant_id text not null,
    source text not null,
    file_id bigint not null,
    row bigint not null,
    column_name text,
    value text,
    reason text not null,
    content jsonb,
    mapped jsonb,
    quarantined_at timestamptz not null default now(),
    released_load_id bigint,
    released_by text,
    released_at timestamptz,
    release_reason text,
    correction jsonb
);
create index if not exists quarantine_open on ops.quarantine (feed, file_id) where released_load_id is null;
create index if not exists quarantine_load on ops.quarantine (load_id);

-- Refused rows that somebody corrected by hand: which row of which file, by which load, and why.
create table if not exists ops.releases (
    path text not null,
    feed text not null,
    row bigint not null,
    load_id bigint not null,
    released_by text not null,
    reason text not null,
    correction jsonb not null,
    primary key (path, feed, row, load_id)
);

create table if not exists ops.conflicts (
    load_id bigint not null,
    feed text not null,
    tenant_id text not null,
    key jsonb not null,
    kept jsonb,
    row jsonb not null,
    row_hash uuid not null,
    reason text not null,
    primary key (feed, tenant_id, key, row_hash)
);

create table if not exists ops.restatements (
    restatement_id bigint generated always as identity primary key,
    feed text not null,
    tenant_id text not null,
    key_hash bigint not null,
    old_load_id bigint not null,
    load_id bigint not null,
    old_row jsonb not null,
    new_row jsonb not null,
    restated_at timestamptz not null default now()
);
create index if not exists restatements_feed on ops.restatements (feed, load_id);

create table if not exists ops.slices (
    feed text not null,
    tenant_id text not null,
    slice text not null,
    landing_seq bigint not null,
    primary key (feed, tenant_id, slice)
);

-- Segments of the event feeds: which partition takes small loads, and how many rows it was given.
create table if not exists ops.segments (
    feed text not null,
    segment integer not null,
    rows bigint not null,
    is_open boolean not null,
    primary key (feed, segment)
);

-- Which database role reads which tenant's marts; the policies on every mart ask the function below. A role cannot
-- change its own answer: only an administrator writes the table.
create table if not exists ops.tenant_access (
    role_name name not null,
    tenant_id text not null,
    primary key (role_name, tenant_id)
);

create or replace function ops.readable_tenants(reader name) returns setof text
language sql stable security definer set search_path = pg_catalog
begin atomic
    select tenant_id from ops.tenant_access where role_name = reader;
end;
revoke all on function ops.readable_tenants(name) from public;

-- Which database roles see personal data in clear, of the tenants that they read; all others see masks.
create table if not exists ops.pii_access (
    role_name name primary key,
    granted_at timestamptz not null default now()
);

create or replace function ops.may_read_pii(reader name) returns boolean
language sql stable security definer set search_path = pg_catalog
begin atomic
    select exists (select from ops.pii_access where role_name = reader);
end;
revoke all on function ops.may_read_pii(name) from public;
