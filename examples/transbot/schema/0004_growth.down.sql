drop table public.trial_leads;
