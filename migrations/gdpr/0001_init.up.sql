-- Deletions across the host's tables, what proves them, and the requests of data subjects that cause them.

-- Work on the host's tables. What names a subject here goes when its deletion is certified.

create table tenon.gdpr_deletions (
  tenant_id    text not null,
  id           uuid not null,
  user_id      text not null,
  state        text not null check (state in ('marked', 'restored', 'erasing')),
  marked_at    timestamptz,
  started_at   timestamptz,
  plan_hash    text not null default '',
  plan         json,
  known_values text[],
  primary key (tenant_id, id)
);
comment on table tenon.gdpr_deletions is
  'Deletions on their way. Its row is locked by whoever works on one; known_values are looked for when all is erased. [app: none]';

create table tenon.gdpr_marks (
  tenant_id   text not null,
  deletion_id uuid not null,
  table_name  text not null,
  row_key     text[] not null,
  primary key (tenant_id, deletion_id, table_name, row_key)
);
comment on table tenon.gdpr_marks is
  'The rows that a deletion has marked, so that exactly these are restored. [app: none]';

create table tenon.gdpr_work (
  tenant_id   text not null,
  deletion_id uuid not null,
  work        text not null,
  rows        bigint not null default 0,
  after       text[],
  done        boolean not null default false,
  attempts    int not null default 0,
  last_error  text not null default '',
  primary key (tenant_id, deletion_id, work)
);
comment on table tenon.gdpr_work is
  'How far an erasure has come in each table, written in the transaction that erases. [app: none]';

create table tenon.gdpr_certificates (
  id       uuid primary key,
  body     json not null,
  findings json not null,
  at       timestamptz not null
);
comment on table tenon.gdpr_certificates is
  'Proof of erasures, signed, without personal data; findings hold the keys of rows of others for a person to judge. [app: none]';

create table tenon.gdpr_suppressions (
  subject  text not null,
  person   boolean not null,
  deletion uuid not null,
  at       timestamptz not null,
  primary key (subject, person)
);
comment on table tenon.gdpr_suppressions is
  'Pseudonyms of those who were erased, for erasing them again after a restore. [app: none]';

-- Requests, and what keeps them from being carried out.

create table tenon.gdpr_requests (
  tenant_id   text not null,
  id          uuid not null,
  closed      boolean not null,
  due_at      timestamptz not null,
  next_at     timestamptz,
  lease       text not null default '',
  lease_until timestamptz,
  body        json not null,
  primary key (tenant_id, id)
);
comment on table tenon.gdpr_requests is
  'What data subjects asked for. next_at is when there is work; of who was erased the tenant is a pseudonym. [app: select, insert, update]';
create index gdpr_requests_next on tenon.gdpr_requests (next_at) where next_at is not null;
create index gdpr_requests_id on tenon.gdpr_requests (id);
create index gdpr_requests_open on tenon.gdpr_requests (id) where not closed;

create table tenon.gdpr_holds (
  tenant_id text not null,
  id        uuid not null,
  body      json not null,
  primary key (tenant_id, id)
);
comment on table tenon.gdpr_holds is 'Legal holds, released ones too: what they cover is not erased. [app: select]';

create table tenon.gdpr_files (
  tenant_id text not null,
  id        uuid not null,
  size      bigint not null check (size >= 0),
  primary key (tenant_id, id)
);
comment on table tenon.gdpr_files is 'Exports that can be fetched, by request. [app: select]';

create table tenon.gdpr_file_chunks (
  tenant_id text not null,
  id        uuid not null,
  seq       int not null check (seq >= 0),
  body      bytea not null,
  primary key (tenant_id, id, seq),
  foreign key (tenant_id, id) references tenon.gdpr_files on delete cascade
);
comment on table tenon.gdpr_file_chunks is 'The bytes of exports; all chunks of a file but the last have the same size. [app: select]';
alter table tenon.gdpr_file_chunks alter column body set storage external; -- they are compressed already
