-- What the other sets stand on: the schema, and the making and dropping of monthly partitions.

do $$
begin
  -- "if not exists" asks for the right to create schemas even when there is nothing to create
  if to_regnamespace('tenon') is null then
    create schema tenon;
  end if;
end
$$;

-- The smallest UUIDv7 of an instant (RFC 9562, section 5.7): 48 bits of milliseconds, then zeros.
create function tenon.id_floor(p_at timestamptz)
  returns uuid
  language sql immutable strict parallel safe
  return (lpad(to_hex(floor(extract(epoch from p_at at time zone 'UTC') * 1000)::bigint), 12, '0')
    || repeat('0', 20))::uuid;

comment on function tenon.id_floor(timestamptz) is 'The smallest UUIDv7 of an instant.';

-- The tables that the functions below work on.
create function tenon.partitioned_tables()
  returns setof regclass
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select c.oid::regclass
  from pg_partitioned_table p
  join pg_class c on c.oid = p.partrelid
  join pg_attribute a on a.attrelid = p.partrelid and a.attnum = p.partattrs[0]
  where c.relnamespace = to_regnamespace('tenon')
    and p.partstrat = 'r'
    and p.partnatts = 1
    and a.atttypid = 'uuid'::regtype
  order by c.relname
$$;

comment on function tenon.partitioned_tables() is 'Tables of schema tenon partitioned by range over a uuid.';

-- The month of p_from and p_ahead further ones, in UTC.
create function tenon.wanted_partitions(p_table regclass, p_from timestamptz, p_ahead int)
  returns table (name text, first_id uuid, end_id uuid)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select c.relname || to_char(m, '"_y"YYYY"m"MM'),
    tenon.id_floor(m at time zone 'UTC'),
    tenon.id_floor((m + interval '1 month') at time zone 'UTC')
  from pg_class c
  cross join date_trunc('month', p_from at time zone 'UTC') f
  cross join generate_series(f, f + p_ahead * interval '1 month', interval '1 month') m
  where c.oid = p_table
  order by m
$$;

comment on function tenon.wanted_partitions(regclass, timestamptz, int) is 'Names and bounds of monthly partitions.';

create function tenon.missing_partitions(p_table regclass, p_from timestamptz, p_ahead int)
  returns setof text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select w.name
  from tenon.wanted_partitions(p_table, p_from, p_ahead) w
  where not exists (
    select
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    where i.inhparent = p_table
      and c.relname = w.name)
  order by w.name
$$;

comment on function tenon.missing_partitions(regclass, timestamptz, int) is
  'Names of the monthly partitions that are not there; an insert into one of them fails.';

create function tenon.copy_policies(p_from regclass, p_to regclass)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  source pg_class;
  statement text;
begin
  select * into source from pg_class where oid = p_from;
  if source.relrowsecurity then
    execute format('alter table %s enable row level security', p_to);
  end if;
  if source.relforcerowsecurity then
    execute format('alter table %s force row level security', p_to);
  end if;
  for statement in
    select format('create policy %I on %s as %s for %s to %s', p.polname, p_to,
        case when p.polpermissive then 'permissive' else 'restrictive' end,
        case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
          else 'all' end,
        case when 0::oid = any (p.polroles) then 'public'
          else (select string_agg(quote_ident(r.rolname), ', ') from pg_roles r where r.oid = any (p.polroles)) end)
      || coalesce(' using (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
      || coalesce(' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')
    from pg_policy p
    where p.polrelid = p_from
  loop
    execute statement;
  end loop;
end
$$;

comment on function tenon.copy_policies(regclass, regclass) is
  'Gives a partition the row level security of its parent. [app: none] [worker: none]';

-- A partition is made beside its parent and then attached, since "create table … partition of" would lock the parent
-- against every reader and writer, and "attach partition" lets both go on.
create function tenon.ensure_partitions(p_table regclass, p_from timestamptz, p_ahead int)
  returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  part record;
begin
  if p_from is null or p_ahead is null or p_ahead < 0 then
    raise exception 'partitions from % and % ahead', p_from, p_ahead using errcode = 'invalid_parameter_value';
  end if;
  if p_table not in (select t from tenon.partitioned_tables() t) then
    raise exception '% is no table of schema tenon partitioned by range over a uuid', p_table
      using errcode = 'wrong_object_type';
  end if;
  if not exists (select from tenon.missing_partitions(p_table, p_from, p_ahead)) then
    return;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('tenon.partitions', p_table::oid::bigint));
  for part in
    select w.name, w.first_id, w.end_id
    from tenon.wanted_partitions(p_table, p_from, p_ahead) w
    join tenon.missing_partitions(p_table, p_from, p_ahead) m on m = w.name
    order by w.name
  loop
    if length(part.name) > 63 then
      raise exception 'partition name % is longer than 63 bytes', part.name using errcode = 'name_too_long';
    end if;
    execute format('create table tenon.%I (like %s including all excluding indexes excluding identity)',
      part.name, p_table);
    perform tenon.copy_policies(p_table, format('tenon.%I', part.name)::regclass);
    execute format('alter table %s attach partition tenon.%I for values from (%L) to (%L)',
      p_table, part.name, part.first_id, part.end_id);
  end loop;
end
$$;

revoke execute on function tenon.ensure_partitions(regclass, timestamptz, int) from public;
comment on function tenon.ensure_partitions(regclass, timestamptz, int) is
  'Makes the partition of the month of p_from and p_ahead further ones. [app: none] [worker: execute]';

-- Dropping locks the parent for a moment. Waiting for that lock would make everybody else wait behind it, hence the
-- lock_timeout: the caller tries again later (SQLSTATE 55P03).
create function tenon.drop_partitions(p_table regclass, p_before timestamptz)
  returns setof text
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2s'
as $$
declare
  part record;
begin
  if p_before is null or p_table not in (select t from tenon.partitioned_tables() t) then
    raise exception '% is no table of schema tenon partitioned by range over a uuid', p_table
      using errcode = 'wrong_object_type';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('tenon.partitions', p_table::oid::bigint));
  for part in
    select c.oid::regclass as id, c.relname as name
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    where i.inhparent = p_table
      and substring(pg_get_expr(c.relpartbound, c.oid) from 'TO \(''([0-9a-f-]{36})''\)')::uuid
        <= tenon.id_floor(p_before)
    order by c.relname
  loop
    execute format('drop table %s', part.id);
    return next part.name;
  end loop;
end
$$;

revoke execute on function tenon.drop_partitions(regclass, timestamptz) from public;
comment on function tenon.drop_partitions(regclass, timestamptz) is
  'Drops the partitions that end at p_before or earlier and returns their names. [app: none] [worker: execute]';
