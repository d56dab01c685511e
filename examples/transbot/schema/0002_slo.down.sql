drop table public.drills;
drop table public.agent_tasks;
drop table public.quote_requests;
drop table public.api_requests;
