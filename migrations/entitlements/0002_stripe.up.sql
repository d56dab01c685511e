-- Billing: whose customer is whose, the events of a payment provider, and the usage to report. And trials' reminders.

create table tenon.billing_customers (
  tenant_id   text primary key,
  customer_id text not null unique,
  linked_at   timestamptz not null,
  paid_at     timestamptz
);
comment on table tenon.billing_customers is
  'The customer at the payment provider that each tenant is, and since when it is known to have paid.';

create table tenon.billing_events (
  id          text primary key,
  type        text not null,
  customer_id text not null,
  state       text not null check (state in ('done', 'kept', 'failed', 'dead')),
  attempts    int not null,
  error       text not null,
  received_at timestamptz not null,
  next_at     timestamptz
);
comment on table tenon.billing_events is
  'What a payment provider told and what became of it: ids and types, no content. Pruned by age. [app: none]';
create index billing_events_open on tenon.billing_events (state, next_at) where state in ('failed', 'dead');
create index billing_events_customer on tenon.billing_events (customer_id) where customer_id <> '';
create index billing_events_received_at on tenon.billing_events using brin (received_at);

-- Unlogged: whoever had a lease before a crash has lost it, and can conclude nothing.
create unlogged table tenon.billing_leases (
  customer_id text primary key,
  holder      uuid not null,
  held_until  timestamptz not null
) with (fillfactor = 50);
comment on table tenon.billing_leases is
  'Who works on a customer: a row, so that nobody holds a connection while the provider is asked. [app: none]';

-- Events and leases name no tenant, so they go with the link that says whose they are.
create function tenon.forget_billing_customer()
  returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  delete from tenon.billing_leases where customer_id = old.customer_id;
  delete from tenon.billing_events where customer_id = old.customer_id;
  return null;
end
$$;
revoke execute on function tenon.forget_billing_customer() from public;
comment on function tenon.forget_billing_customer() is 'Removes what is kept about a customer that is a tenant''s no longer.';
create trigger forget_billing_customer
  after delete on tenon.billing_customers
  for each row execute function tenon.forget_billing_customer();

create table tenon.billing_usage (
  tenant_id    text not null,
  meter        text not null,
  window_start timestamptz not null,
  revision     int not null,
  qty          bigint not null,
  cancels      int not null,
  counts_at    timestamptz not null,
  state        text not null check (state in ('pending', 'sent', 'dead')),
  attempts     int not null,
  error        text not null,
  created_at   timestamptz not null,
  next_at      timestamptz not null,
  settled_at   timestamptz,
  primary key (tenant_id, meter, window_start, revision)
);
comment on table tenon.billing_usage is 'Lines of usage to tell a payment provider; the sum of a window is what it bills.';
create index billing_usage_pending on tenon.billing_usage (next_at) where state = 'pending';

create table tenon.trial_reminders (
  tenant_id     text not null,
  trial_ends_at timestamptz not null,
  lead          interval not null,
  told_at       timestamptz not null,
  primary key (tenant_id, trial_ends_at, lead)
);
comment on table tenon.trial_reminders is 'The ends of trials that were told ahead of, once for each lead.';

create index org_entitlements_trials on tenon.org_entitlements (trial_ends_at) where status = 'trialing';
