-- Who did what, and the Merkle tree over it.

create table tenon.audit_log (
  tenant_id    text not null,
  id           uuid not null,
  ts           timestamptz not null,
  actor        text not null default '',
  on_behalf_of text not null default '',
  action       text not null,
  target       text not null default '',
  target_id    text not null default '',
  more_targets jsonb,
  outcome      text not null default 'succeeded',
  payload      jsonb,
  ip_address   text not null default '',
  user_agent   text not null default '',
  request_id   text not null default '',
  trace_id     text not null default '',
  key          text not null default '',
  seed         bytea default uuid_send(gen_random_uuid()),
  salts        jsonb,
  redacted     jsonb,
  redacted_by  uuid,
  xid          xid8 not null default pg_current_xact_id(),
  primary key (tenant_id, id)
) partition by range (id);
comment on table tenon.audit_log is
  'Who did what to what. target and target_id are the first of several; xid is the transaction that wrote the row, in whose order rows are sealed. [app: select, insert] [worker: select, insert, update] [drop: guarded]';
create index audit_log_actor on tenon.audit_log (tenant_id, actor, id);
create index audit_log_action on tenon.audit_log (tenant_id, action, id);
create index audit_log_order on tenon.audit_log (xid, id);
create index audit_log_id on tenon.audit_log using brin (id) with (pages_per_range = 16, autosummarize = on);

create table tenon.audit_keys (
  tenant_id text not null,
  key       text not null,
  id        uuid not null,
  primary key (tenant_id, key)
);
comment on table tenon.audit_keys is 'Callers'' idempotency keys and the record that each stands for. Pruned by age. [app: select, insert]';
create index audit_keys_id on tenon.audit_keys using brin (id);

create table tenon.audit_leaves (
  tenant_id  text not null,
  id         uuid not null,
  leaf_index bigint not null,
  leaf       bytea not null check (length(leaf) = 32),
  epoch      int not null,
  xid        xid8 not null,
  primary key (tenant_id, id)
);
comment on table tenon.audit_leaves is
  'The leaves of the tree, each with the place of its record in the order of commits. Rows never change. [app: none] [worker: select, insert]';
create unique index audit_leaves_index on tenon.audit_leaves (leaf_index);

create table tenon.audit_nodes (
  level      int not null,
  node_index bigint not null,
  hash       bytea not null check (length(hash) = 32),
  primary key (level, node_index)
);
comment on table tenon.audit_nodes is
  'The roots of complete subtrees of 256 leaves (level 8), of 65,536 (level 16) and so on. Rows never change. [app: none] [worker: select, insert]';

create table tenon.audit_state (
  only_row boolean primary key default true check (only_row),
  epoch    int not null,
  system   text not null,
  base     xid8 not null,
  mixed    xid8 not null
);
comment on table tenon.audit_state is
  'The database server whose transaction ids the present epoch counts with. A new epoch begins after a dump was restored elsewhere: sealing then starts at base, and up to mixed meets rows that are sealed already. [app: none] [worker: select]';
insert into tenon.audit_state (epoch, system, base, mixed)
select 0, system_identifier::text, '0', '0'
from pg_control_system();

create table tenon.audit_checkpoints (
  size        bigint primary key,
  root        bytea not null,
  at          timestamptz not null,
  note        text not null,
  anchored_at timestamptz
);
comment on table tenon.audit_checkpoints is 'Signed checkpoints, and when the anchors had each.';

create table tenon.audit_holds (
  tenant_id   text not null,
  id          uuid not null,
  all_tenants boolean not null,
  from_ts     timestamptz,
  to_ts       timestamptz,
  reason      text not null,
  placed_by   text not null,
  placed_at   timestamptz not null,
  released_at timestamptz,
  primary key (tenant_id, id)
);
comment on table tenon.audit_holds is 'Legal holds: what they cover is neither dropped nor redacted until they are released. [app: select]';

create table tenon.audit_cursors (
  sink       text primary key,
  next_index bigint not null,
  holder     text not null,
  held_until timestamptz not null
);
comment on table tenon.audit_cursors is 'How far each sink was told, and by whom just now. [app: none]';

create table tenon.audit_anchors (
  origin text not null,
  size   bigint not null,
  root   bytea not null,
  note   text not null,
  at     timestamptz not null,
  primary key (origin, size)
);
comment on table tenon.audit_anchors is 'Checkpoints of logs in other databases, kept for them. [app: none] [worker: select, insert]';

-- A UUIDv7 (RFC 9562, section 5.7) for an instant: 48 bits of milliseconds, version, variant and 74 random bits.
create function tenon.audit_id(p_at timestamptz)
  returns uuid
  language sql volatile parallel safe
  return encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
        placing substring(int8send(floor(extract(epoch from p_at) * 1000)::bigint) from 3)
        from 1 for 6),
      52, 1), 53, 1),
    'hex')::uuid;
comment on function tenon.audit_id(timestamptz) is 'A new id for a record of an instant.';

-- Rows that came with a dump have transaction ids of another server. Those without a leaf take the id of this
-- transaction, while nobody else writes.
create function tenon.audit_new_epoch()
  returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  here text := (select system_identifier::text from pg_control_system());
  started xid8;
begin
  lock table tenon.audit_log in share row exclusive mode;
  started := pg_snapshot_xmin(pg_current_snapshot());
  update tenon.audit_log a
  set xid = pg_current_xact_id()
  where not exists (
    select
    from tenon.audit_leaves l
    where l.tenant_id = a.tenant_id
      and l.id = a.id);
  update tenon.audit_state
  set epoch = epoch + 1,
    system = here,
    base = started,
    mixed = (select coalesce(max(l.xid), '0') from tenon.audit_leaves l);
end
$$;
revoke execute on function tenon.audit_new_epoch() from public;
comment on function tenon.audit_new_epoch() is
  'Begins to count with the transaction ids of this server. [app: none] [worker: execute]';

-- Drops a month whose rows are all among the first p_anchored leaves and under no legal hold, and returns how many rows
-- it had; null when it may not be dropped: also when the partition is of another time than p_from to p_to, or no anchor
-- is known to have that many leaves. Whoever waits for the lock gives up after two seconds (SQLSTATE 55P03).
create function tenon.audit_drop_partition(p_name text, p_from timestamptz, p_to timestamptz, p_anchored bigint)
  returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2s'
as $$
declare
  part regclass := (
    select c.oid::regclass
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'tenon.audit_log'::regclass
      and c.relname = p_name
      and pg_get_expr(c.relpartbound, c.oid) =
        format('FOR VALUES FROM (%L) TO (%L)', tenon.id_floor(p_from), tenon.id_floor(p_to)));
  held boolean;
  kept boolean;
  dropped bigint;
begin
  if part is null or p_anchored > coalesce((
    select max(c.size)
    from tenon.audit_checkpoints c
    where c.anchored_at is not null), 0) then
    return null;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('tenon.partitions', 'tenon.audit_log'::regclass::oid::bigint));
  execute format('lock table %s in share mode', part);
  execute format('
    select count(*),
      coalesce(bool_or(l.leaf_index is null or l.leaf_index >= $1), false),
      coalesce(bool_or(exists (
        select
        from tenon.audit_holds h
        where h.released_at is null
          and (h.all_tenants or h.tenant_id = a.tenant_id)
          and (h.from_ts is null or h.from_ts < $3)
          and (h.to_ts is null or h.to_ts > $2))), false)
    from %s a
    left join tenon.audit_leaves l on l.tenant_id = a.tenant_id and l.id = a.id', part)
  into dropped, kept, held
  using p_anchored, p_from, p_to;
  if kept or held then
    return null;
  end if;
  execute format('drop table %s', part);
  return dropped;
end
$$;
revoke execute on function tenon.audit_drop_partition(text, timestamptz, timestamptz, bigint) from public;
comment on function tenon.audit_drop_partition(text, timestamptz, timestamptz, bigint) is
  'Drops a month that is sealed, anchored and not held; null when it is not. [app: none] [worker: execute]';
