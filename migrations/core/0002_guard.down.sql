create or replace function tenon.drop_partitions(p_table regclass, p_before timestamptz)
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
