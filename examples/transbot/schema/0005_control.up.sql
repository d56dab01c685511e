-- The launch, as the control room keeps it.

-- When day 0 began, or begins.
create table public.launch (
  one boolean primary key default true check (one),
  began_at timestamptz not null
);

-- What nobody but a person can tick.
create table public.control_items (
  item text primary key,
  done boolean not null,
  on_day date, -- for which it was planned
  note text not null,
  changed_at timestamptz not null,
  changed_by text not null
);

-- What was looked at, and what was found.
create table public.control_runs (
  id uuid primary key,
  job text not null, -- "smoke"
  at timestamptz not null,
  by_whom text not null,
  passed boolean not null,
  took_ms double precision not null check (took_ms >= 0),
  found jsonb not null
);

create index control_runs_newest on public.control_runs (job, at desc);

-- Whose turn it is: a job runs in one instance at a time, whose turn ends with busy_until should it die.
create table public.control_turns (
  job text primary key,
  next_at timestamptz not null,
  busy_until timestamptz not null
);

-- What a load that was booked cost in the end, as the carrier billed it.
create table public.load_costs (
  company_id text not null,
  quote_id uuid not null,
  cost_cents bigint not null check (cost_cents > 0), -- in US dollars
  settled_at timestamptz not null,
  primary key (company_id, quote_id),
  foreign key (company_id, quote_id) references public.quotes
);

create index load_costs_settled on public.load_costs (settled_at);
