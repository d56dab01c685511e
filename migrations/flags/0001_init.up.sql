-- Flags and segments, every version of them, and when they were last seen. No table has a tenant's column: a flag is
-- about all tenants, and those that a body names are found by flagspg when they are to be exported or forgotten.

create table tenon.flags_revision (
  only_row boolean primary key default true check (only_row),
  revision bigint not null
);
comment on table tenon.flags_revision is
  'How often flags and segments were written. Its row is locked by whoever writes, so that revisions count commits.';
insert into tenon.flags_revision (revision) values (0);

create table tenon.flags (
  kind     text not null check (kind in ('flag', 'segment')),
  key      text not null,
  version  bigint not null check (version > 0),
  revision bigint not null check (revision > 0),
  body     json,
  by       text not null,
  reason   text not null,
  at       timestamptz not null,
  primary key (kind, key)
);
comment on table tenon.flags is
  'The newest version of each flag and segment; a null body is a deleted one. The text of a body is kept as it was written.';
create index flags_changed on tenon.flags (revision);

create table tenon.flag_versions (
  kind     text not null,
  key      text not null,
  version  bigint not null,
  revision bigint not null,
  body     json,
  by       text not null,
  reason   text not null,
  at       timestamptz not null,
  primary key (kind, key, version)
);
comment on table tenon.flag_versions is
  'Every version: who wrote it, and why. What it changed is the difference to the one before. [app: none]';

create table tenon.flag_marks (
  flag    text not null,
  variant text not null,
  seen    timestamptz not null,
  primary key (flag, variant)
);
comment on table tenon.flag_marks is
  'When each variant was last served, to the epoch; an empty variant is the default in the caller''s code. [app: select, insert, update]';
