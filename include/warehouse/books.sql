-- What the contracts do not say of books: that they only grow, whoever asks, and the trail of what is written to them.
--
-- Triggers refuse to change rows, event triggers refuse to change or drop the tables, for owners and superusers too.
-- They fire in every replication role (`enable always`). The one way past the event triggers is the server's own: a
-- superuser may set `event_triggers` off. `prepare` does so for its transaction alone, to add a column of a contract and
-- to renew what stands here; rows cannot be changed even then. Dropping the whole database is no command inside it.

create table if not exists ops.financial_audit (
    audit_id bigint generated always as identity primary key,
    book text not null,
    tenant_id text not null,
    key jsonb not null,
    action text not null,
    decided_at timestamptz not null,
    entered_by text not null,
    reason text not null,
    db_user name not null default session_user,
    recorded_at timestamptz not null default clock_timestamp(),
    content jsonb not null
);

-- On a book: before update, delete and truncate. On the audit: before insert too, which is the books' triggers' alone.
-- Its argument is the table's name, for whoever renames it.
create or replace function ops.refuse_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    callers text;
begin
    if tg_op = 'INSERT' then
        get diagnostics callers = pg_context;
        if pg_trigger_depth() > 1 and callers like '%ops.write_financial_audit()%' then
            return null;
        end if;
        raise exception '% is written by the triggers of the books alone: append an entry to a book instead', tg_argv[0]
            using errcode = 'restrict_violation';
    end if;
    raise exception '% only grows, so % is refused: append an entry that corrects the earlier one instead', tg_argv[0], tg_op
        using errcode = 'restrict_violation';
end;
$$;

-- After insert on a book; its arguments are the book's event_time and the columns of its key.
create or replace function ops.write_financial_audit() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    key_columns text := (select string_agg(format('%1$L, %1$I', name), ', ') from unnest(tg_argv[1:]) as name);
    columns text;
    action text;
begin
    select
        string_agg(quote_ident(attname), ', ') filter (where attname not like '\_%'),
        coalesce(
            max(format('coalesce(%I, ''insert'')', attname)) filter (where attname in ('action', 'entry_type')),
            '''insert'''
        )
    into columns, action
    from pg_attribute where attrelid = tg_relid and attnum > 0 and not attisdropped;
    execute format(
        'insert into ops.financial_audit (book, tenant_id, key, action, decided_at, entered_by, reason, content) '
        'select %L, tenant_id, jsonb_build_object(%s), %s, %I, entered_by, reason, to_jsonb(entry) '
        'from (select %s from added) as entry',
        tg_table_name, key_columns, action, tg_argv[0], columns
    );
    return null;
end;
$$;

-- Whoever may call it on a table of his own could forge lines.
revoke all on function ops.write_financial_audit() from public;

-- With a book goes its trigger, whatever command drops it, and its name tells the book's.
create or replace function ops.refuse_drop() returns event_trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    kept text;
begin
    select address_names[1] || '.' || address_names[2] into kept
    from pg_event_trigger_dropped_objects()
    where object_type = 'trigger' and address_names[3] in ('book_guard', 'book_audit')
    limit 1;
    if found then
        raise exception '% only grows, so % is refused: append an entry that corrects the earlier one instead', kept, tg_tag
            using errcode = 'restrict_violation', hint = 'To begin anew drop the whole database and replay the landing zone.';
    end if;
end;
$$;

-- A parent or child of a book would change its rows without its triggers.
create or replace function ops.refuse_alter() returns event_trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    kept text;
begin
    select split_part(encode(guard.tgargs, 'escape'), '\000', 1) into kept
    from pg_trigger as guard
    where (guard.tgname = 'book_guard' or guard.tgfoid = to_regprocedure('ops.refuse_change()'))
        and (
            exists (select from pg_inherits where guard.tgrelid in (inhparent, inhrelid))
            or exists (
                select from pg_event_trigger_ddl_commands() as done
                where guard.tgrelid = case done.classid
                    when 'pg_class'::regclass then done.objid
                    when 'pg_trigger'::regclass then (select tgrelid from pg_trigger where oid = done.objid)
                    when 'pg_rewrite'::regclass then (select ev_class from pg_rewrite where oid = done.objid)
                    when 'pg_policy'::regclass then (select polrelid from pg_policy where oid = done.objid)
                    when 'pg_namespace'::regclass
                        then (select oid from pg_class where oid = guard.tgrelid and relnamespace = done.objid)
                end
            )
        )
    limit 1;
    if found then
        raise exception '% only grows, so % is refused: append an entry that corrects the earlier one instead', kept, tg_tag
            using errcode = 'restrict_violation',
            hint = 'A new column is added to the contract; python -m include.warehouse prepare adds it to the table.';
    end if;
end;
$$;

-- An event trigger is not asked when its own function goes. So a command that can drop or replace functions begins with a
-- row here that no commit accepts, and ends, where the guards are what they were, with its removal.
create table if not exists ops.guards_of_books (
    watch_id bigint generated always as identity primary key,
    seen text not null,
    seen_again bigint not null default 0,
    constraint guards_of_books_must_stay foreign key (seen_again) references ops.guards_of_books (watch_id)
        deferrable initially deferred
);

create or replace function ops.watch_guards() returns event_trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    guards text := (
        with fired as (
            select concat_ws(' ', tgrelid::regclass, tgname, tgenabled) as guard, tgfoid as function
            from pg_trigger where tgname in ('book_guard', 'book_audit')
            union all
            select concat_ws(' ', evtname, evtevent, evtenabled, evttags), evtfoid
            from pg_event_trigger where evtname like 'books\_%'
        )
        select md5(string_agg(
            concat_ws(' ', guard, f.oid::regprocedure, f.proowner, f.prosecdef, f.proconfig, f.prosrc), e'\n' order by guard
        ))
        from fired join pg_proc as f on f.oid = fired.function
    );
    before text;
begin
    if tg_event = 'ddl_command_start' then
        insert into ops.guards_of_books (seen) values (guards);
        return;
    end if;
    delete from ops.guards_of_books returning seen into before;
    if guards is distinct from before then
        raise exception 'the guards of the books stay as they are, so % is refused', tg_tag
            using errcode = 'restrict_violation', hint = 'python -m include.warehouse prepare renews them.';
    end if;
end;
$$;

create or replace trigger book_guard before insert or update or delete or truncate on ops.financial_audit
for each statement execute function ops.refuse_change('ops.financial_audit');
alter table ops.financial_audit enable always trigger book_guard;

create or replace trigger book_guard before truncate on ops.guards_of_books
for each statement execute function ops.refuse_change('ops.guards_of_books');
do $$
declare
    guard name;
begin
    for guard in select tgname from pg_trigger where tgrelid = 'ops.guards_of_books'::regclass loop
        execute format('alter table ops.guards_of_books enable always trigger %I', guard);
    end loop;
end;
$$;

drop event trigger if exists books_refuse_drop;
create event trigger books_refuse_drop on sql_drop execute function ops.refuse_drop();
alter event trigger books_refuse_drop enable always;

drop event trigger if exists books_refuse_alter;
create event trigger books_refuse_alter on ddl_command_end
when tag in (
    'ALTER TABLE', 'ALTER FOREIGN TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER INDEX', 'ALTER SEQUENCE', 'ALTER TYPE',
    'ALTER SCHEMA', 'CREATE TABLE', 'CREATE FOREIGN TABLE', 'CREATE TRIGGER', 'ALTER TRIGGER', 'CREATE RULE', 'ALTER RULE',
    'CREATE POLICY', 'ALTER POLICY'
) execute function ops.refuse_alter();
alter event trigger books_refuse_alter enable always;

drop event trigger if exists books_watch_start;
create event trigger books_watch_start on ddl_command_start
when tag in (
    'CREATE FUNCTION', 'ALTER FUNCTION', 'ALTER ROUTINE', 'DROP FUNCTION', 'DROP ROUTINE', 'DROP SCHEMA', 'DROP OWNED',
    'DROP EXTENSION', 'DROP LANGUAGE'
) execute function ops.watch_guards();
alter event trigger books_watch_start enable always;

drop event trigger if exists books_watch_end;
create event trigger books_watch_end on ddl_command_end
when tag in (
    'CREATE FUNCTION', 'ALTER FUNCTION', 'ALTER ROUTINE', 'DROP FUNCTION', 'DROP ROUTINE', 'DROP SCHEMA', 'DROP OWNED',
    'DROP EXTENSION', 'DROP LANGUAGE'
) execute function ops.watch_guards();
alter event trigger books_watch_end enable always;
