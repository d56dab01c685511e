-- Notifications on their way: written with their cause, delivered later.

create table tenon.notifications (
  tenant_id     text not null,
  id            uuid not null,
  seq           bigint not null generated always as identity,
  destination   text not null,
  group_key     text not null,
  key           text not null,
  kind          text not null,
  severity      text not null,
  title         text not null,
  body          text not null,
  occurred_at   timestamptz not null,
  data          jsonb not null,
  pending_since timestamptz not null,
  state         text not null default 'new' check (state in ('new', 'queued', 'delivered', 'dead')),
  attempts      int not null default 0,
  last_error    text not null default '',
  tried_at      timestamptz,
  settled_at    timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, destination, key),
  check ((settled_at is not null) = (state in ('delivered', 'dead')))
);
comment on table tenon.notifications is
  'One row for each notification and destination. A new row is queued by a worker before it is delivered; a settled one keeps its key. [app: select, insert]';
create index notifications_new on tenon.notifications (destination, seq) where state = 'new';
create index notifications_queue on tenon.notifications (tenant_id, destination, group_key, seq) where state = 'queued';
create index notifications_open on tenon.notifications (destination) where state <> 'delivered';
create index notifications_settled on tenon.notifications (settled_at) where settled_at is not null;

create table tenon.notification_groups (
  tenant_id   text not null,
  destination text not null,
  group_key   text not null,
  ready_at    timestamptz not null,
  lease       uuid,
  lease_until timestamptz,
  primary key (tenant_id, destination, group_key)
);
comment on table tenon.notification_groups is
  'The queues that hold entries, each delivered in order, one at a time. Only workers write here, in short transactions. [app: none]';
create index notification_groups_ready on tenon.notification_groups (destination, ready_at);
create index notification_groups_lease on tenon.notification_groups (lease) where lease is not null;
