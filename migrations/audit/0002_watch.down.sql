-- Without their functions the triggers would make every write fail, so they go first.
do $$
declare
  watch record;
  name text;
begin
  for watch in select table_name, function_name from tenon.audit_watches loop
    if to_regclass(watch.table_name) is not null then
      foreach name in array array['tenon_audit', 'tenon_audit_insert', 'tenon_audit_update', 'tenon_audit_delete', 'tenon_audit_truncate'] loop
        execute format('drop trigger if exists %I on %s', name, watch.table_name);
      end loop;
    end if;
    execute format('drop function if exists tenon.%I()', watch.function_name);
  end loop;
end
$$;

drop table tenon.audit_watches;
