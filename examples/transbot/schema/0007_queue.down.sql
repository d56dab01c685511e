drop index public.agent_tasks_started;
