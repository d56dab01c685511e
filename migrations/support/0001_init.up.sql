-- Tickets and their histories, the rules about them, timers, tours, and findings.

create table tenon.tickets (
  tenant_id text not null,
  id        uuid not null,
  priority  text not null check (priority in ('P1', 'P2', 'P3')),
  state     text not null check (state in ('open', 'pending', 'solved', 'closed', 'reopened')),
  opened_at timestamptz not null,
  events    int not null check (events > 0),
  primary key (tenant_id, id)
);
comment on table tenon.tickets is
  'What is asked of tickets beside their histories: the priority and state that follow from them. Its row is what a change locks. [app: select, insert, update]';
create index tickets_id on tenon.tickets (id);
create index tickets_unsolved on tenon.tickets (id) where state in ('open', 'pending', 'reopened');

create table tenon.ticket_events (
  tenant_id text not null,
  ticket_id uuid not null,
  seq       int not null check (seq > 0),
  at        timestamptz not null,
  kind      text not null,
  by        text not null,
  data      jsonb not null,
  primary key (tenant_id, ticket_id, seq),
  foreign key (tenant_id, ticket_id) references tenon.tickets (tenant_id, id) on delete cascade
);
comment on table tenon.ticket_events is
  'The histories of tickets; rows are only ever added, except when a subject is erased. [app: select, insert]';

create table tenon.support_rules (
  single  boolean primary key default true check (single),
  version bigint not null,
  body    json
);
comment on table tenon.support_rules is
  'The rules in force, in one row; a null body is those of the library. Changes of tickets share an advisory lock that a change of the rules takes alone.';
insert into tenon.support_rules (version)
values (0);

create table tenon.support_rule_versions (
  version bigint primary key,
  body    json not null,
  at      timestamptz not null default clock_timestamp()
);
comment on table tenon.support_rule_versions is 'Every version of the rules. [app: none]';

create table tenon.timers (
  tenant_id   text not null,
  key         text not null,
  kind        text not null,
  payload     json,
  at          timestamptz not null,
  ready_at    timestamptz not null,
  attempts    int not null default 0,
  lease       uuid,
  lease_until timestamptz,
  cancelled   boolean not null default false,
  touched_by  xid8,
  last_error  text not null default '',
  dead_at     timestamptz,
  primary key (tenant_id, key)
) with (fillfactor = 50);
comment on table tenon.timers is
  'What is to be done and when. A claim sets no indexed column, so that it stays on its page. touched_by is the transaction that scheduled or cancelled a timer under a lease; a cancelled row waits for the worker that has it.';
create index timers_ready on tenon.timers (kind, ready_at) where dead_at is null and not cancelled;
create index timers_dead on tenon.timers (dead_at) where dead_at is not null;
create index timers_cancelled on tenon.timers (tenant_id, key) where cancelled;

create table tenon.tour_progress (
  tenant_id text not null,
  user_id   text not null,
  tour      text not null,
  version   int not null,
  step      int not null,
  ended     text not null check (ended in ('', 'completed', 'dismissed')),
  at        timestamptz not null,
  primary key (tenant_id, user_id, tour)
);
comment on table tenon.tour_progress is 'How far users have come with tours.';

create table tenon.findings (
  tenant_id   text not null,
  id          uuid not null,
  title       text not null,
  detail      text not null,
  severity    text not null check (severity in ('critical', 'high', 'medium', 'low')),
  source      text not null,
  state       text not null check (state in ('open', 'accepted', 'fixed')),
  found_at    timestamptz not null,
  since       timestamptz not null,
  due_at      timestamptz not null,
  fixed_at    timestamptz,
  approver    text,
  accepted_to timestamptz,
  accepted_as text,
  told_late   boolean not null,
  history     jsonb not null,
  primary key (tenant_id, id)
);
comment on table tenon.findings is
  'Weaknesses that were found; an empty tenant is the host''s own system. due_at is kept as it was once a finding is fixed.';
create index findings_id on tenon.findings (id);
