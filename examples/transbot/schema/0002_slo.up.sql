-- What the platform keeps of its own doings. Objectives are counted from here, by the columns at the end of each row's
-- life, hence the indexes.

create table public.api_requests (
  company_id text not null, -- empty: nobody was known yet
  id uuid not null,
  at timestamptz not null, -- when it was answered
  route text not null, -- "POST /api/quotes"; empty when there was none
  status int not null,
  response_ms double precision not null check (response_ms >= 0),
  primary key (company_id, id)
);

create index api_requests_at on public.api_requests (at);

create table public.quote_requests (
  company_id text not null,
  id uuid not null,
  at timestamptz not null, -- when it was answered
  status int not null,
  response_ms double precision not null check (response_ms >= 0),
  primary key (company_id, id)
);

create index quote_requests_at on public.quote_requests (at);

create table public.agent_tasks (
  company_id text not null,
  id uuid not null,
  kind text not null, -- "rate_lanes"
  created_at timestamptz not null,
  started_at timestamptz,
  ended_at timestamptz, -- null: waits or runs, and is neither a success nor a failure yet
  status text not null check (status in ('queued', 'running', 'succeeded', 'failed')),
  primary key (company_id, id),
  check ((ended_at is not null) = (status in ('succeeded', 'failed')))
);

create index agent_tasks_ended on public.agent_tasks (ended_at) where ended_at is not null;
create index agent_tasks_waiting on public.agent_tasks (created_at) where started_at is null;

-- Drills: while one is under way, the demo's service is broken on purpose.
create table public.drills (
  id uuid primary key,
  began_at timestamptz not null,
  began_by text not null,
  ended_at timestamptz
);

create unique index drills_one on public.drills ((true)) where ended_at is null;
