drop table public.quotes;
drop table public.bulk_jobs;
drop table public.sessions;
drop table public.api_keys;
drop table public.users;
drop table public.companies;
