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
