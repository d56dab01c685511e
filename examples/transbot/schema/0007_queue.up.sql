-- How long tasks waited is looked at when they have left the queue, before they end.
create index agent_tasks_started on public.agent_tasks (started_at) where started_at is not null;
