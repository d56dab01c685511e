drop table public.restore_drills;
