drop table public.load_costs;
drop table public.control_turns;
drop table public.control_runs;
drop table public.control_items;
drop table public.launch;
