-- Tables of the host's that triggers watch. The triggers' functions are made by auditpg.Watch, one for each table.

create table tenon.audit_watches (
  table_name    text primary key,
  function_name text not null unique,
  columns       text[] not null,
  body          text not null,
  bulk          boolean not null,
  digest_inner  bytea,
  digest_outer  bytea,
  watched_at    timestamptz not null default now(),
  check ((digest_inner is null) = (digest_outer is null))
);
comment on table tenon.audit_watches is
  'What auditpg.Watch installed: on which table, by which function, which columns it knew, the function''s text, and the key of digests, made ready for HMAC. [app: none] [worker: none]';
