-- Plans, what tenants may do, and what they used. Limits: -1 is unlimited.

create table tenon.catalog (
  only_row boolean primary key default true check (only_row),
  revision bigint not null
);
comment on table tenon.catalog is 'How often the catalogue changed.';
insert into tenon.catalog (revision) values (0);

create table tenon.features (
  key         text primary key,
  description text not null,
  category    text not null,
  kind        text not null check (kind in ('boolean', 'config', 'metered', 'gauge')),
  definition  jsonb not null
);
comment on table tenon.features is 'What plans grant.';

create table tenon.plans (
  id            text primary key,
  name          text not null,
  tier          int not null,
  active        boolean not null,
  currency      text not null,
  price_monthly numeric(10,2) not null,
  price_yearly  numeric(10,2) not null,
  version       int not null
);
comment on table tenon.plans is 'The newest version of each plan. An inactive one takes no new subscribers.';

create table tenon.plan_versions (
  plan_id    text not null references tenon.plans,
  version    int not null,
  definition jsonb not null,
  created_at timestamptz not null,
  primary key (plan_id, version)
);
comment on table tenon.plan_versions is 'Every version of every plan; a row never changes.';

create table tenon.plan_features (
  plan_id       text not null,
  plan_version  int not null,
  feature_key   text not null references tenon.features,
  period        text not null,
  hard_limit    bigint not null check (hard_limit >= -1),
  soft_limit    bigint not null check (soft_limit >= -1),
  overage_limit bigint not null check (overage_limit >= -1),
  value         text not null,
  primary key (plan_id, plan_version, feature_key, period),
  foreign key (plan_id, plan_version) references tenon.plan_versions
);
comment on table tenon.plan_features is 'What each plan version says of each feature, as rows.';

create table tenon.addons (
  id      text primary key,
  name    text not null,
  active  boolean not null,
  version int not null
);
comment on table tenon.addons is 'The newest version of each add-on.';

create table tenon.addon_versions (
  addon_id   text not null references tenon.addons,
  version    int not null,
  definition jsonb not null,
  created_at timestamptz not null,
  primary key (addon_id, version)
);
comment on table tenon.addon_versions is 'Every version of every add-on; a row never changes.';

create table tenon.org_entitlements (
  tenant_id              text primary key,
  plan_id                text not null,
  plan_version           int not null,
  status                 text not null,
  started_at             timestamptz not null,
  trial_ends_at          timestamptz,
  trial_used             boolean not null,
  anchor                 timestamptz,
  current_period_start   timestamptz,
  current_period_end     timestamptz,
  grace_until            timestamptz,
  access_until           timestamptz,
  next_at                timestamptz,
  next_plan_id           text,
  next_plan_version      int,
  stripe_customer_id     text not null,
  stripe_subscription_id text not null,
  revision               bigint not null,
  updated_at             timestamptz not null,
  foreign key (plan_id, plan_version) references tenon.plan_versions,
  foreign key (next_plan_id, next_plan_version) references tenon.plan_versions,
  check (num_nulls(next_at, next_plan_id, next_plan_version) in (0, 3))
);
comment on table tenon.org_entitlements is
  'The plan of each tenant. Its row is the lock of everything that is decided about the tenant, but for the fast path.';
create index org_entitlements_next_at on tenon.org_entitlements (next_at) where next_at is not null;

create table tenon.plan_history (
  tenant_id    text not null,
  effective_at timestamptz not null,
  plan_id      text not null,
  plan_version int not null,
  status       text not null,
  primary key (tenant_id, effective_at)
);
comment on table tenon.plan_history is 'The plan in force from an instant on; later instants are what is planned.';

create table tenon.overrides (
  tenant_id     text not null,
  feature_key   text not null references tenon.features,
  period        text not null,
  hard_limit    bigint check (hard_limit >= -1),
  soft_limit    bigint check (soft_limit >= -1),
  overage_limit bigint check (overage_limit >= -1),
  value         text,
  reason        text not null,
  created_by    text not null,
  created_at    timestamptz not null,
  expires_at    timestamptz,
  primary key (tenant_id, feature_key, period)
);
comment on table tenon.overrides is 'What a tenant has apart from its plan; a null leaves the plan''s value.';

create table tenon.org_addons (
  tenant_id     text not null,
  addon_id      text not null,
  addon_version int not null,
  quantity      bigint not null check (quantity > 0),
  attached_at   timestamptz not null,
  primary key (tenant_id, addon_id),
  foreign key (addon_id, addon_version) references tenon.addon_versions
);
comment on table tenon.org_addons is 'The add-ons that a tenant has.';

create table tenon.grants (
  tenant_id    text not null,
  id           uuid not null,
  feature_key  text not null references tenon.features,
  amount       bigint not null check (amount > 0),
  used         bigint not null,
  held         bigint not null,
  priority     int not null,
  effective_at timestamptz not null,
  expires_at   timestamptz,
  created_at   timestamptz not null,
  voided_at    timestamptz,
  reason       text not null,
  primary key (tenant_id, id),
  check (used >= 0 and held >= 0 and used + held <= amount)
);
create index grants_feature on tenon.grants (tenant_id, feature_key);
comment on table tenon.grants is 'Extra units; used and held are the sums of grant_draws.';

create table tenon.holds (
  tenant_id   text not null,
  id          uuid not null,
  feature_key text not null references tenon.features,
  qty         bigint not null check (qty > 0),
  included    bigint not null,
  state       text not null check (state in ('open', 'committed', 'released', 'expired')),
  created_at  timestamptz not null,
  expires_at  timestamptz not null,
  actual      bigint not null,
  ungated     bigint not null,
  extra_id    uuid,
  primary key (tenant_id, id)
);
comment on table tenon.holds is 'Quantities set aside. The event of a committed hold has its id; extra_id is the event beyond it.';
create index holds_open on tenon.holds (tenant_id, feature_key, expires_at) where state = 'open';
create index holds_id on tenon.holds using brin (id);

create table tenon.grant_draws (
  tenant_id text not null,
  source_id uuid not null,
  grant_id  uuid not null,
  qty       bigint not null check (qty > 0),
  primary key (tenant_id, source_id, grant_id)
);
comment on table tenon.grant_draws is 'What an event or an open hold took from a grant.';
create index grant_draws_grant on tenon.grant_draws (tenant_id, grant_id);

create table tenon.usage_keys (
  tenant_id text not null,
  key       text not null,
  id        uuid not null,
  digest    bigint not null,
  corrected boolean not null default false,
  primary key (tenant_id, key)
);
comment on table tenon.usage_keys is
  'Callers'' idempotency keys: the event or hold that each stands for, and a digest of what was asked. Pruned by age.';
create index usage_keys_id on tenon.usage_keys using brin (id);

create table tenon.usage_events (
  tenant_id   text not null,
  id          uuid not null,
  feature_key text not null,
  qty         bigint not null,
  occurred_at timestamptz not null,
  metadata    jsonb not null,
  corrects    uuid,
  primary key (tenant_id, id)
) partition by range (id);
comment on table tenon.usage_events is
  'Everything that was used, by month of its recording. Corrections and returns have a negative qty.';
create index usage_events_time on tenon.usage_events (tenant_id, feature_key, occurred_at);
create index usage_events_corrects on tenon.usage_events (tenant_id, corrects) where corrects is not null;

create table tenon.usage_counters (
  tenant_id     text not null,
  feature_key   text not null,
  period        text not null,
  period_start  timestamptz not null,
  period_end    timestamptz not null,
  used          bigint not null,
  held          bigint not null,
  granted       bigint not null,
  ceiling       bigint not null,
  sealed_until  timestamptz not null,
  source        smallint not null,
  plan_version  int not null,
  hard_limit    bigint not null,
  soft_limit    bigint not null,
  overage_limit bigint not null,
  spare         bigint not null,
  plan_id       text not null,
  primary key (tenant_id, feature_key, period, period_start),
  check (used >= 0 and held >= 0 and granted >= 0)
) with (fillfactor = 50);
comment on table tenon.usage_counters is
  'Sums of events and open holds by period. Until sealed_until, use that stays within ceiling needs no other look.';

create table tenon.usage_alerts (
  tenant_id    text not null,
  feature_key  text not null,
  period       text not null,
  period_start timestamptz not null,
  period_end   timestamptz not null,
  threshold    text not null,
  crossed_at   timestamptz not null,
  primary key (tenant_id, feature_key, period, period_start, threshold)
);
comment on table tenon.usage_alerts is 'Thresholds that a period has crossed: each is told once.';
