-- Partners: what they write, what of it is published, what everybody may see of that; their documents and their log.

create table tenon.directory_companies (
  tenant_id     text not null,
  id            uuid not null,
  company_name  text not null,
  description   text not null,
  services      text[] not null,
  regions       text[] not null,
  contact_email text not null,
  website       text not null,
  show_contact  boolean not null,
  is_public     boolean not null default false,
  language      text not null,
  zone          text not null,
  version       int not null check (version > 0),
  status        text not null check (status in ('draft', 'submitted', 'published')),
  created_at    timestamptz not null,
  updated_at    timestamptz not null,
  published_at  timestamptz,
  fresh_at      timestamptz,
  verified_at   timestamptz,
  verified_by   text not null,
  deleted_at    timestamptz,
  required      text[] not null,
  visible_until timestamptz,
  next_at       timestamptz,
  policy        text not null,
  primary key (tenant_id, id)
);
comment on table tenon.directory_companies is
  'Drafts. Its row is the lock of everything about a partner. A row with deleted_at is found by nobody.';
create index directory_companies_next_at on tenon.directory_companies (next_at) where next_at is not null and deleted_at is null;
create index directory_companies_policy on tenon.directory_companies (policy) where deleted_at is null;
create unique index directory_companies_id on tenon.directory_companies (id);
create index directory_companies_status on tenon.directory_companies (status, id) where deleted_at is null;

create table tenon.public_partners (
  tenant_id     text not null,
  id            uuid not null,
  company_name  text not null,
  description   text not null,
  services      text[] not null,
  regions       text[] not null,
  contact_email text not null,
  website       text not null,
  show_contact  boolean not null,
  is_public     boolean not null default false,
  language      text not null,
  zone          text not null,
  verified_at   timestamptz,
  fresh_at      timestamptz not null,
  visible_until timestamptz,
  deleted_at    timestamptz,
  rank          bigint not null,
  sort_name     text not null,
  terms         tsvector not null,
  primary key (tenant_id, id)
);
comment on table tenon.public_partners is
  'What is published. Triggers keep tenon.directory_entries, which alone is searched, in step with every write here.';
create unique index public_partners_id on tenon.public_partners (id);
create index public_partners_listed on tenon.public_partners (tenant_id) where is_public and deleted_at is null;

create table tenon.directory_entries (
  id            uuid primary key,
  company_name  text not null,
  description   text not null,
  services      text[] not null,
  regions       text[] not null,
  contact_email text not null,
  website       text not null,
  language      text not null,
  verified_at   timestamptz,
  fresh_at      timestamptz not null,
  visible_until timestamptz not null default 'infinity',
  rank          bigint not null,
  sort_name     text collate ucs_basic not null,
  terms         tsvector not null
);
comment on table tenon.directory_entries is
  'What everybody may see: a row for each public partner and no other. It has no tenant, so that all tenants find it.';
alter table tenon.directory_entries alter column terms set statistics 1000;
create index directory_entries_terms on tenon.directory_entries using gin (terms) with (fastupdate = off);
create index directory_entries_rank on tenon.directory_entries (rank, id);
create index directory_entries_name on tenon.directory_entries (sort_name, id);
create index directory_entries_fresh on tenon.directory_entries (fresh_at desc, id);

create table tenon.directory_listings (
  service text collate ucs_basic not null,
  region  text collate ucs_basic not null,
  rank    bigint not null,
  id      uuid not null,
  primary key (service, region, rank, id)
);
comment on table tenon.directory_listings is 'Entries by each of their services in each of their regions, in order.';
create index directory_listings_id on tenon.directory_listings (id);

create table tenon.directory_words (
  word       text collate ucs_basic primary key,
  stem       text collate ucs_basic not null,
  letters    smallint not null,
  neighbours text[] not null
);
comment on table tenon.directory_words is
  'Words that entries have or had, with what is left of them when letters are left out: misspellings meet them there.';
create index directory_words_stem on tenon.directory_words (stem);
create index directory_words_neighbours on tenon.directory_words using gin (neighbours) with (fastupdate = off);

create table tenon.directory_docs (
  tenant_id    text not null,
  partner_id   uuid not null,
  kind         text not null,
  version      int not null check (version > 0),
  number       text not null,
  issuer       text not null,
  issued_at    date,
  expires_at   date,
  zone         text not null,
  file         text not null,
  added_at     timestamptz not null,
  added_by     text not null,
  verified_at  timestamptz,
  verified_by  text not null,
  in_force     boolean not null,
  expired_from timestamptz,
  soon_from    timestamptz,
  next_alert   timestamptz,
  told         int[] not null,
  primary key (tenant_id, partner_id, kind, version)
);
comment on table tenon.directory_docs is
  'Every version of every document; the newest is in force, to the end of the day expires_at in its zone: expired_from.';
create unique index directory_docs_in_force on tenon.directory_docs (tenant_id, partner_id, kind) where in_force;
create index directory_docs_soon on tenon.directory_docs (soon_from) where in_force;

create table tenon.directory_status_log (
  tenant_id  text not null,
  partner_id uuid not null,
  n          int not null,
  at         timestamptz not null,
  status     text not null,
  by         text not null,
  note       text not null,
  primary key (tenant_id, partner_id, n)
);
comment on table tenon.directory_status_log is
  'What happened to partners, oldest first; rows are added and never changed. [app: select, insert]';
create index directory_status_log_at on tenon.directory_status_log (status, at);

create table tenon.directory_digests (
  day           date primary key,
  missing       bigint not null,
  expired       bigint not null,
  expiring_soon bigint not null
);
comment on table tenon.directory_digests is 'The days on which the digest was told, and what it said. [app: none]';

create function tenon.directory_entry()
  returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op <> 'INSERT' then
    delete from tenon.directory_listings where id = old.id;
  end if;
  if tg_op = 'DELETE' then
    delete from tenon.directory_entries where id = old.id;
    return null;
  end if;
  if tg_op = 'UPDATE' and old.id <> new.id then
    delete from tenon.directory_entries where id = old.id;
  end if;
  if not new.is_public or new.deleted_at is not null then
    delete from tenon.directory_entries where id = new.id;
    return null;
  end if;
  insert into tenon.directory_entries (id, company_name, description, services, regions, contact_email, website, language,
    verified_at, fresh_at, visible_until, rank, sort_name, terms)
  values (new.id, new.company_name, new.description, new.services, new.regions,
    case when new.show_contact then new.contact_email else '' end, case when new.show_contact then new.website else '' end,
    new.language, new.verified_at, new.fresh_at, coalesce(new.visible_until, 'infinity'), new.rank, new.sort_name, new.terms)
  on conflict (id) do update
  set company_name = excluded.company_name,
    description = excluded.description,
    services = excluded.services,
    regions = excluded.regions,
    contact_email = excluded.contact_email,
    website = excluded.website,
    language = excluded.language,
    verified_at = excluded.verified_at,
    fresh_at = excluded.fresh_at,
    visible_until = excluded.visible_until,
    rank = excluded.rank,
    sort_name = excluded.sort_name,
    terms = excluded.terms;
  insert into tenon.directory_listings (service, region, rank, id)
  select s, r, new.rank, new.id
  from unnest(new.services) s
  cross join unnest(new.regions) r
  on conflict do nothing;
  return null;
end
$$;
comment on function tenon.directory_entry() is 'Keeps what is searched in step with what is published.';
revoke execute on function tenon.directory_entry() from public;
create trigger directory_entry after insert or update or delete on tenon.public_partners
  for each row execute function tenon.directory_entry();

create function tenon.directory_deleted()
  returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'DELETE' then
    delete from tenon.public_partners where tenant_id = old.tenant_id and id = old.id;
    return null;
  end if;
  update tenon.public_partners
  set deleted_at = new.deleted_at
  where tenant_id = new.tenant_id
    and id = new.id;
  return null;
end
$$;
comment on function tenon.directory_deleted() is 'Takes a company that is marked as deleted, or deleted, from the public, whoever does it.';
revoke execute on function tenon.directory_deleted() from public;
create trigger directory_deleted after update of deleted_at on tenon.directory_companies
  for each row when (old.deleted_at is distinct from new.deleted_at) execute function tenon.directory_deleted();
create trigger directory_gone after delete on tenon.directory_companies
  for each row execute function tenon.directory_deleted();

-- A word that is there is locked, so that nobody forgets it before the entry that has it is committed.
create function tenon.directory_learn(p_words text[], p_stems text[], p_neighbours text[])
  returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from tenon.directory_words w
  where w.word = any (p_words)
  order by w.word
  for key share;
  insert into tenon.directory_words (word, stem, letters, neighbours)
  select u.word, u.stem, length(u.word), string_to_array(u.neighbours, ' ')
  from unnest(p_words, p_stems, p_neighbours) u (word, stem, neighbours)
  where not exists (select from tenon.directory_words w where w.word = u.word)
  order by u.word collate ucs_basic
  on conflict (word) do update set stem = excluded.stem;
end
$$;
comment on function tenon.directory_learn(text[], text[], text[]) is
  'Adds words that misspellings are to meet. [app: execute]';
revoke execute on function tenon.directory_learn(text[], text[], text[]) from public;

create view tenon.directory_freshness_alerts with (security_invoker = true) as
select c.company_name, d.kind, d.expires_at,
  case when d.expired_from <= now() then 'expired' else 'expiring_soon' end as status
from tenon.directory_docs d
join tenon.directory_companies c on c.tenant_id = d.tenant_id and c.id = d.partner_id
where d.in_force
  and d.soon_from <= now()
  and c.deleted_at is null
union all
select c.company_name, k.kind, null, 'missing'
from tenon.directory_companies c
cross join lateral unnest(c.required) k (kind)
where c.deleted_at is null
  and not exists (
    select
    from tenon.directory_docs d
    where d.tenant_id = c.tenant_id
      and d.partner_id = c.id
      and d.kind = k.kind);
comment on view tenon.directory_freshness_alerts is
  'Documents that need attention: expired, expiring soon, or required and missing. What is valid is not here.';

create view tenon.directory_onboarding with (security_invoker = true) as
select f.tenant_id, date_trunc('week', f.invited_at, 'UTC')::date as week,
  count(*) as invited,
  count(f.onboarded_at) as onboarded
from (
  select l.tenant_id, l.partner_id,
    min(l.at) filter (where l.status = 'invited') as invited_at,
    min(l.at) filter (where l.status = 'onboarded') as onboarded_at
  from tenon.directory_status_log l
  where l.status in ('invited', 'onboarded')
  group by l.tenant_id, l.partner_id) f
where f.invited_at is not null
group by 1, 2;
comment on view tenon.directory_onboarding is
  'How many were invited for the first time in each week, and how many of these have onboarded since.';

create function tenon.search_partners(p_service text default null, p_region text default null)
  returns table (id uuid, company_name text, description text, services text[], regions text[])
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_service is null and p_region is null then
    return query
      select e.id, e.company_name, e.description, e.services, e.regions
      from tenon.directory_entries e
      where e.visible_until > now()
      order by e.rank, e.id;
  elsif concat(p_service, p_region) ~ '^[a-z0-9._/-]+$' then
    return query
      select e.id, e.company_name, e.description, e.services, e.regions
      from tenon.directory_entries e
      where e.terms @@ concat_ws(' & ', '''v' || p_service || '''', '''r' || p_region || '''')::tsquery
        and e.visible_until > now()
      order by e.rank, e.id;
  end if;
end
$$;
comment on function tenon.search_partners(text, text) is
  'Public partners by service and region; what is null does not restrict. Neither contact nor website is in the answer.';

create function tenon.check_directory_freshness()
  returns bigint
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_count bigint;
begin
  select count(*) into v_count from tenon.directory_freshness_alerts;
  if v_count > 0 then
    perform pg_notify('directory_alerts', json_build_object('count', v_count, 'timestamp', now())::text);
  end if;
  return v_count;
end
$$;
comment on function tenon.check_directory_freshness() is
  'Counts the documents that need attention, and notifies the channel directory_alerts when there are any. [app: none]';
