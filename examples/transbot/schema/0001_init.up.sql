-- What the platform itself keeps. A company's id is its slug: it is the tenant in everything that tenon keeps, and
-- never changes. Every table of a company's data has it first in its key.

create table public.companies (
  id text primary key check (id ~ '^[a-z0-9](-?[a-z0-9]){1,62}$'),
  name text not null check (length(name) between 1 and 200),
  kind text not null check (kind in ('shipper', 'broker', 'carrier')),
  city text not null,
  created_at timestamptz not null,
  deleted_at timestamptz
);

create table public.users (
  company_id text not null references public.companies,
  id uuid not null,
  name text not null check (length(name) between 1 and 200),
  email text not null check (length(email) between 3 and 320),
  role text not null check (role in ('owner', 'dispatcher', 'viewer')),
  created_at timestamptz not null,
  deleted_at timestamptz,
  primary key (company_id, id)
);

create unique index users_email_key on public.users (company_id, lower(email)) where deleted_at is null;

-- A key is shown once; what is kept is its SHA-256.
create table public.api_keys (
  company_id text not null references public.companies,
  id uuid not null,
  name text not null check (length(name) between 1 and 200),
  hash bytea not null unique check (octet_length(hash) = 32),
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  primary key (company_id, id)
);

-- Who is signed in to the pages; without a company it is a person of the platform's own staff.
create table public.sessions (
  hash bytea primary key check (octet_length(hash) = 32),
  company_id text references public.companies,
  actor text not null,
  expires_at timestamptz not null
);

create index sessions_expiry on public.sessions (expires_at);

create table public.bulk_jobs (
  company_id text not null references public.companies,
  id uuid not null,
  key text check (length(key) between 1 and 255), -- the caller's idempotency key
  digest bytea not null check (octet_length(digest) = 32), -- of what was asked under the key
  refused jsonb not null, -- the lanes that could not be rated, and why
  created_at timestamptz not null,
  primary key (company_id, id),
  unique (company_id, key)
);

create table public.quotes (
  company_id text not null references public.companies,
  id uuid not null,
  key text check (length(key) between 1 and 255), -- the caller's idempotency key
  bulk_job_id uuid,
  lane int, -- its place in the bulk job, from 0
  origin text not null,
  destination text not null,
  weight_kg int not null check (weight_kg > 0),
  pallets int not null default 0 check (pallets >= 0), -- 0: loose
  ready_on date,
  distance_km int not null check (distance_km > 0),
  price_cents bigint not null check (price_cents > 0), -- in US dollars
  status text not null check (status in ('created', 'sent', 'accepted', 'booked', 'declined', 'expired')),
  created_at timestamptz not null,
  sent_at timestamptz,
  accepted_at timestamptz,
  booked_at timestamptz,
  valid_until timestamptz not null,
  deleted_at timestamptz,
  primary key (company_id, id),
  unique (company_id, key),
  unique (company_id, bulk_job_id, lane),
  foreign key (company_id, bulk_job_id) references public.bulk_jobs,
  check ((bulk_job_id is null) = (lane is null))
);

create index quotes_newest on public.quotes (company_id, created_at desc, id desc) where deleted_at is null;
