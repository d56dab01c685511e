drop table public.tamperings;
