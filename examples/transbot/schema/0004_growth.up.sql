-- Who asked for a trial on the public calculator, until they came: an address that nobody has confirmed yet belongs to
-- no company. A confirmed lead belongs to the company that it became.
create table public.trial_leads (
  id uuid primary key,
  ticket uuid not null, -- what the public answer calls it: made of the address alone, so that it tells no time
  email text not null check (length(email) between 3 and 254),
  lanes int not null check (lanes between 1 and 10000),
  state text not null check (state in ('asked', 'confirmed', 'expired')),
  mails int not null check (mails > 0), -- how many were written, the first with the lead
  mail_after timestamptz not null, -- who asks again before then gets no other mail
  token_hash bytea check (octet_length(token_hash) = 32), -- of the newest mail's link; null: it is not sent yet
  token_used_at timestamptz,
  created_at timestamptz not null,
  expires_at timestamptz not null, -- the end of the newest mail's link, and of a lead that was not confirmed
  confirmed_at timestamptz,
  company_id text references public.companies,
  check ((confirmed_at is not null) = (state = 'confirmed')),
  check ((company_id is not null) = (state = 'confirmed'))
);

-- One address, whatever the case it is typed in, has one lead at a time.
create unique index trial_leads_email on public.trial_leads (lower(email)) where state <> 'expired';
create index trial_leads_ticket on public.trial_leads (ticket);
create index trial_leads_company on public.trial_leads (company_id) where company_id is not null;
create index trial_leads_open on public.trial_leads (expires_at) where state <> 'confirmed';
