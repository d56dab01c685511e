-- Restore drills: each dumps the database, restores it on another server, and says whether that is the same.

create table public.restore_drills (
  id uuid primary key,
  began_at timestamptz not null,
  began_by text not null,
  ended_at timestamptz, -- null: it is under way, or the program ended before it did
  passed boolean not null default false,
  failure text not null default '', -- in a sentence
  snapshot_at timestamptz, -- what is dumped is the database as it was then
  verified_at timestamptz, -- when the last check of the copy was over
  tables bigint not null default 0,
  rows bigint not null default 0,
  dump_bytes bigint not null default 0,
  steps jsonb not null default '[]'
);

create index restore_drills_began on public.restore_drills (began_at);
