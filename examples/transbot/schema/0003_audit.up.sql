-- What the demo's staff did to records of the audit log on purpose, so that it can be put back.
create table public.tamperings (
  id uuid primary key,
  record_tenant text not null,
  record_id uuid not null,
  actor text not null, -- as it was
  began_at timestamptz not null,
  began_by text not null,
  ended_at timestamptz
);

create unique index tamperings_one on public.tamperings ((true)) where ended_at is null;
