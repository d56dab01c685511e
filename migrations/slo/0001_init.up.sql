-- Objectives, what was decided about them, and counts by the minute. An empty tenant_id is the system's own.

create table tenon.slo_state (
  only_row     boolean primary key default true check (only_row),
  frozen       jsonb not null,
  evaluated_at timestamptz
);
comment on table tenon.slo_state is
  'Whether releases are frozen. Its row is the lock of everything that is decided about objectives.';
insert into tenon.slo_state (frozen) values ('{"frozen": false}');

create table tenon.slo_targets (
  tenant_id    text not null,
  name         text not null,
  target       numeric(7,6) not null check (target > 0 and target <= 1),
  window_hours numeric not null check (window_hours > 0),
  created_at   timestamptz not null,
  kind         text not null check (kind in ('ratio', 'latency', 'freshness', 'time_slice')),
  threshold    bigint check (threshold > 0),
  unit         text not null check (unit in ('', 'us', 'ms', 's')),
  window_kind  text not null check (window_kind in ('rolling', 'day', 'week', 'month', 'quarter')),
  version      int not null,
  measure      text not null,
  definition   jsonb not null,
  primary key (tenant_id, name)
);
comment on table tenon.slo_targets is
  'The newest version of each objective: the share target is good, within threshold where there is one. [app: select]';

create table tenon.slo_target_versions (
  tenant_id  text not null,
  name       text not null,
  created_at timestamptz not null,
  version    int not null,
  definition jsonb not null,
  primary key (tenant_id, name, created_at, version)
);
comment on table tenon.slo_target_versions is 'Every version of every objective; a row never changes. [app: select]';

create table tenon.slo_exclusions (
  tenant_id text not null,
  id        uuid not null,
  body      jsonb not null,
  primary key (tenant_id, id)
);
comment on table tenon.slo_exclusions is 'Time that counts neither as good nor as bad, and why. [app: select]';

create table tenon.slo_episodes (
  tenant_id   text not null,
  id          uuid not null,
  name        text not null,
  alert       text not null,
  opened_at   timestamptz not null,
  resolved_at timestamptz,
  body        jsonb not null,
  primary key (tenant_id, id)
);
comment on table tenon.slo_episodes is 'Incidents, from the first signal until none is left. [app: select]';
create unique index slo_episodes_open on tenon.slo_episodes (tenant_id, name, alert) where resolved_at is null;
create index slo_episodes_resolved_at on tenon.slo_episodes (resolved_at);

create table tenon.slo_overrides (
  id       uuid primary key,
  until_at timestamptz not null,
  ended_at timestamptz,
  body     jsonb not null
);
comment on table tenon.slo_overrides is 'Who let releases pass, until when and why.';

create table tenon.slo_rollups (
  tenant_id text not null,
  objective text not null,
  measure   text not null,
  minute    timestamptz not null,
  instance  text not null,
  good      bigint not null,
  valid     bigint not null,
  closed    boolean not null,
  primary key (tenant_id, objective, measure, minute, instance),
  check (good >= 0 and good <= valid)
);
comment on table tenon.slo_rollups is 'What each instance, or a table of the host, counted in a minute. [app: select]';
create index slo_rollups_minute on tenon.slo_rollups using brin (minute);

create table tenon.slo_sketches (
  tenant_id text not null,
  objective text not null,
  measure   text not null,
  minute    timestamptz not null,
  instance  text not null,
  events    bigint not null,
  cells     bytea not null,
  primary key (tenant_id, objective, measure, minute, instance)
);
comment on table tenon.slo_sketches is
  'How durations were distributed in a minute, for display: of each cell 2 bytes of index and 4 of count. [app: select]';
create index slo_sketches_minute on tenon.slo_sketches using brin (minute);

create table tenon.slo_sources (
  tenant_id text not null,
  objective text not null,
  measure   text not null,
  from_at   timestamptz not null,
  folded_at timestamptz not null,
  primary key (tenant_id, objective, measure)
);
comment on table tenon.slo_sources is
  'From when and until when the rows of a table of the host are folded into rollups. Its row is the lock of folding. [app: none]';

create function tenon.slo_cell_ms(p_cell int)
  returns double precision
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select power(2::double precision, 10 + p_cell / 64) * (1 + (p_cell % 64 + 0.5) / 64) / 1e6
$$;
comment on function tenon.slo_cell_ms(int) is 'The milliseconds that stand for a cell of a sketch: its middle.';

-- The argument is copied once: get_byte would unpack a compressed one anew for every byte.
create function tenon.slo_cells(p_sketch bytea)
  returns table (cell int, n bigint)
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select get_byte(s.b, i) << 8 | get_byte(s.b, i + 1),
    get_byte(s.b, i + 2)::bigint << 24 | get_byte(s.b, i + 3) << 16 | get_byte(s.b, i + 4) << 8 | get_byte(s.b, i + 5)
  from (select p_sketch || ''::bytea as b offset 0) s
  cross join generate_series(0, length(s.b) - 6, 6) i
$$;
comment on function tenon.slo_cells(bytea) is 'The cells of a sketch as rows.';

create view tenon.slo_uptime as
select date_trunc('hour', r.minute, 'UTC') as hour,
  sum(r.valid)::bigint as total_requests,
  sum(r.good)::bigint as successful_requests,
  sum(r.good) / nullif(sum(r.valid), 0) as uptime_ratio
from tenon.slo_targets t
join tenon.slo_rollups r on r.tenant_id = t.tenant_id and r.objective = t.name and r.measure = t.measure
where t.tenant_id = ''
  and t.name = 'uptime'
  and r.minute >= date_trunc('minute', now() - interval '24 hours')
group by 1
order by 1;
comment on view tenon.slo_uptime is 'Requests by the hour over 24 hours, of the objective uptime.';

create view tenon.slo_quote_latency as
select c.minute,
  tenon.slo_cell_ms(min(c.cell) filter (where c.running >= c.rank)) as p95_latency
from (
  select s.minute, u.cell,
    sum(sum(u.n)) over (partition by s.minute order by u.cell) as running,
    ceil(0.95 * sum(sum(u.n)) over (partition by s.minute)) as rank
  from tenon.slo_targets t
  join tenon.slo_sketches s on s.tenant_id = t.tenant_id and s.objective = t.name and s.measure = t.measure
  cross join lateral tenon.slo_cells(s.cells) u
  where t.tenant_id = ''
    and t.name = 'quote_p95_latency_ms'
    and s.minute >= date_trunc('minute', now() - interval '1 hour')
  group by s.minute, u.cell) c
group by c.minute
order by c.minute;
comment on view tenon.slo_quote_latency is
  'The 95th percentile in milliseconds by the minute over an hour, within 1 %, of the objective quote_p95_latency_ms.';

create view tenon.slo_agent_success as
select r.minute, sum(r.good) / nullif(sum(r.valid), 0) as success_ratio
from tenon.slo_targets t
join tenon.slo_rollups r on r.tenant_id = t.tenant_id and r.objective = t.name and r.measure = t.measure
where t.tenant_id = ''
  and t.name = 'agent_success_rate'
  and r.minute >= date_trunc('minute', now() - interval '1 hour')
group by r.minute
order by r.minute;
comment on view tenon.slo_agent_success is 'The share of finished tasks that succeeded, by the minute over an hour.';
