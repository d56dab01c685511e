-- What happened, and what is counted of it.

create table tenon.events (
  tenant_id   text collate ucs_basic not null,
  id          uuid not null,
  user_id     text not null,
  event_name  text collate ucs_basic not null,
  properties  jsonb not null,
  occurred_at timestamptz not null,
  received_at timestamptz not null,
  primary key (tenant_id, event_name, occurred_at, id)
) partition by range (id);
comment on table tenon.events is
  'What happened, by month of its recording. The key serves to find events of a tenant by name and time.';
create index events_name on tenon.events using brin (occurred_at) with (autosummarize = on);

create table tenon.event_keys (
  tenant_id text collate ucs_basic not null,
  key       text collate ucs_basic not null,
  id        uuid not null,
  latest    uuid,
  primary key (tenant_id, key)
);
comment on table tenon.event_keys is
  'Callers'' names of events, and the first event that each named. Latest is the one that took its place, the nil UUID
when it was retracted, null when neither happened. Kept for ever unless the host says otherwise.';
create index event_keys_id on tenon.event_keys using brin (id) with (autosummarize = on);

create table tenon.event_quarantine (
  tenant_id   text not null,
  id          uuid not null,
  key         text not null,
  user_id     text not null,
  event_name  text not null,
  properties  jsonb not null,
  occurred_at timestamptz not null,
  received_at timestamptz not null,
  reason      text not null,
  primary key (tenant_id, id)
);
comment on table tenon.event_quarantine is 'Events that were kept aside, with the reason; they are not counted.';

create table tenon.kpi_state (
  only_row boolean primary key default true check (only_row)
);
comment on table tenon.kpi_state is 'Its row is the lock of definitions and goals.';
insert into tenon.kpi_state default values;

create table tenon.kpis (
  name       text primary key,
  definition jsonb not null,
  measures   text[] not null
);
comment on table tenon.kpis is 'The KPIs, and the measures that they need. [app: select]';

create table tenon.kpi_goals (
  kpi  text primary key,
  body jsonb not null
);
comment on table tenon.kpi_goals is 'What was last decided about each goal. [app: select]';

create table tenon.kpi_measures (
  measure    text primary key,
  definition jsonb not null,
  within     interval
);
comment on table tenon.kpi_measures is
  'The measures of which there are complete rollups; within is how long a subject may take. [app: select]';

create table tenon.kpi_pending (
  tenant_id   text not null,
  id          uuid not null,
  received_at timestamptz not null,
  names       text[] not null,
  times       timestamptz[] not null,
  ids         uuid[] not null,
  gone        jsonb,
  folded      boolean not null,
  primary key (tenant_id, id)
);
comment on table tenon.kpi_pending is
  'What rollups do not hold yet: events by their keys, and an event that is gone, with whether rollups hold it.';
-- short-lived, and already small for what they hold: compressing them costs more than it saves
alter table tenon.kpi_pending
  alter column names set storage external,
  alter column times set storage external,
  alter column ids set storage external;

create table tenon.kpi_rollups (
  tenant_id text not null,
  measure   text not null,
  bucket    timestamptz not null,
  grp       text not null,
  count     bigint not null,
  numbers   bigint not null,
  sum       numeric not null,
  converted bigint not null,
  took      numeric not null,
  primary key (tenant_id, measure, bucket, grp)
);
comment on table tenon.kpi_rollups is 'What measures count, by the quarter of an hour in UTC; sum in millionths, took in ms.
[app: select]';
create index kpi_rollups_measure on tenon.kpi_rollups (measure, bucket);

create table tenon.kpi_totals (
  measure   text not null,
  bucket    timestamptz not null,
  grp       text not null,
  count     bigint not null,
  numbers   bigint not null,
  sum       numeric not null,
  converted bigint not null,
  took      numeric not null,
  primary key (measure, bucket, grp)
);
comment on table tenon.kpi_totals is 'The rollups of all tenants together, which add up to the same. [app: none]';

create table tenon.kpi_subjects (
  tenant_id    text not null,
  measure      text not null,
  subject      text not null,
  started_at   timestamptz,
  start_id     uuid,
  grp          text not null,
  converted_at timestamptz,
  primary key (tenant_id, measure, subject)
);
comment on table tenon.kpi_subjects is 'When each subject of a conversion first started and first converted. [app: select]';

create table tenon.kpi_freshness (
  tenant_id   text not null,
  received_at timestamptz not null,
  primary key (tenant_id)
);
comment on table tenon.kpi_freshness is 'When the newest event in the rollups was received. [app: select]';

-- A property as text, as filters and groups compare it.
create function tenon.kpi_text(p_value jsonb)
  returns text
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select case jsonb_typeof(p_value)
    when 'string' then case when octet_length(p_value #>> '{}') > 200 then '(long)' else p_value #>> '{}' end
    when 'boolean' then p_value #>> '{}'
    when 'number' then case when abs(round((p_value #>> '{}')::numeric, 6)) <= 1000000000000
      then trim_scale(round((p_value #>> '{}')::numeric, 6))::text end
  end
$$;
comment on function tenon.kpi_text(jsonb) is 'A property as text, as filters and groups compare it; null when it has none.';

-- The views show days and weeks of the session's time zone, and what is folded.

create view tenon.kpi_quote_book with (security_invoker = true) as
select r.bucket::date as d,
  sum(r.count)::bigint as quotes,
  sum(r.converted)::bigint as accepted,
  round(100 * sum(r.converted) / nullif(sum(r.count), 0), 2) as conv_pct
from tenon.kpi_rollups r
where r.measure = (select k.measures[1] from tenon.kpis k where k.name = 'quote_book')
  and r.bucket >= (current_date - 29)::timestamptz
group by r.bucket::date
having sum(r.count) > 0
order by d;
comment on view tenon.kpi_quote_book is
  'Quotes that were sent or accepted, by the day of that, and how many of them were accepted at any time; 30 days.';

create view tenon.kpi_directory_onboard_cohorts with (security_invoker = true) as
select date_trunc('week', r.bucket)::date as cohort,
  sum(r.count)::bigint as invited,
  sum(r.converted)::bigint as onboarded,
  round(100 * sum(r.converted) / nullif(sum(r.count), 0), 2) as conv_pct,
  date_trunc('week', r.bucket) + interval '1 week' + coalesce(min(m.within), interval '0') <= now() as mature
from tenon.kpi_rollups r
join tenon.kpi_measures m on m.measure = r.measure
where r.measure = (select k.measures[1] from tenon.kpis k where k.name = 'directory_onboard')
group by date_trunc('week', r.bucket)
having sum(r.count) > 0
order by cohort;
comment on view tenon.kpi_directory_onboard_cohorts is
  'Partners by the week in which they were first invited, and how many of them were onboarded in time.';

create view tenon.kpi_directory_onboard with (security_invoker = true) as
select coalesce(sum(invited), 0)::bigint as invited,
  coalesce(sum(onboarded), 0)::bigint as onboarded,
  round(100 * sum(onboarded) / nullif(sum(invited), 0), 2) as conv_pct
from tenon.kpi_directory_onboard_cohorts
where mature;
comment on view tenon.kpi_directory_onboard is 'The cohorts of kpi_directory_onboard_cohorts that are mature, together.';

-- Trials and usage are read from the tables of entitlements, which may not be there: the body of a function in plpgsql is
-- looked at when it runs.

create function tenon.kpi_ended_trials(p_since timestamptz)
  returns table (tenant_id text, ended_at timestamptz, converted boolean)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if to_regclass('tenon.plan_history') is null or to_regclass('tenon.billing_customers') is null then
    return;
  end if;
  return query
    with spells as (
      select h.tenant_id, h.effective_at, h.status, lag(h.status) over w as status_before, lag(h.plan_id) over w as plan_before
      from tenon.plan_history h
      window w as (partition by h.tenant_id order by h.effective_at)
    )
    select s.tenant_id, s.effective_at, exists (
        select
        from tenon.plan_history p
        join tenon.plans l on l.id = p.plan_id
        left join tenon.org_entitlements o on o.tenant_id = p.tenant_id
        where p.tenant_id = s.tenant_id
          and p.status = 'active'
          and (l.price_monthly > 0 or l.price_yearly > 0)
          and p.effective_at >= s.effective_at
          and p.effective_at < s.effective_at + interval '30 days'
          and p.effective_at <= now()
          and (p.plan_id = s.plan_before or p.effective_at is distinct from o.trial_ends_at))
      and coalesce((select c.paid_at is not null from tenon.billing_customers c where c.tenant_id = s.tenant_id), true)
    from spells s
    where s.status_before = 'trialing'
      and s.status <> 'trialing'
      and s.effective_at >= p_since
      and s.effective_at <= now();
end
$$;
comment on function tenon.kpi_ended_trials(timestamptz) is
  'Trials that ended since, and whether they converted: within 30 days the tenant was active on a plan with a price, other
than by falling back to one when the trial ran out, and has paid where it is a payment provider''s customer. A trial that
runs has not ended. Nothing without the tables of entitlements.';

create view tenon.kpi_trial_conversion with (security_invoker = true) as
select date_trunc('week', t.ended_at)::date as week,
  count(*) as trials_ended,
  count(*) filter (where t.converted) as converted,
  round(100.0 * count(*) filter (where t.converted) / count(*), 2) as conv_pct
from tenon.kpi_ended_trials((current_date - 89)::timestamptz) t
group by date_trunc('week', t.ended_at)
order by week;
comment on view tenon.kpi_trial_conversion is 'Trials by the week in which they ended, and how many converted; 90 days.';

create function tenon.kpi_used_features(p_since timestamptz)
  returns table (plan_id text, feature_key text, usage_count bigint, avg_quantity numeric)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if to_regclass('tenon.plan_history') is null or to_regclass('tenon.usage_events') is null then
    return;
  end if;
  return query
    with spells as materialized (
      select h.tenant_id, h.plan_id, h.effective_at,
        lead(h.effective_at, 1, 'infinity') over w as until
      from tenon.plan_history h
      window w as (partition by h.tenant_id order by h.effective_at)
    )
    select coalesce(s.plan_id, ''), u.feature_key, count(*) filter (where u.corrects is null),
      round(sum(u.qty) / nullif(count(*) filter (where u.corrects is null), 0), 4)
    from tenon.usage_events u
    left join spells s on s.tenant_id = u.tenant_id
      and u.occurred_at >= s.effective_at
      and u.occurred_at < s.until
    where u.occurred_at >= p_since
      and u.occurred_at <= now()
    group by coalesce(s.plan_id, ''), u.feature_key;
end
$$;
comment on function tenon.kpi_used_features(timestamptz) is
  'How often each feature was used since, by the plan in force at the time (empty: there was none), and how much at a
time; corrections count in the average. Nothing without the tables of entitlements.';

create view tenon.kpi_feature_usage with (security_invoker = true) as
select plan_id, feature_key, usage_count, avg_quantity
from tenon.kpi_used_features(now() - interval '30 days')
order by plan_id, feature_key;
comment on view tenon.kpi_feature_usage is 'How often features were used, by the plan in force at the time; 30 days.';
