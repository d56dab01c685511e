-- The schema stays: it also holds the record of what was applied.

drop function tenon.drop_partitions(regclass, timestamptz);
drop function tenon.ensure_partitions(regclass, timestamptz, int);
drop function tenon.copy_policies(regclass, regclass);
drop function tenon.missing_partitions(regclass, timestamptz, int);
drop function tenon.wanted_partitions(regclass, timestamptz, int);
drop function tenon.partitioned_tables();
drop function tenon.id_floor(timestamptz);
