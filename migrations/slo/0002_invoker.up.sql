-- The views read with the rights of who asks, so that the policies of their tables hold.

alter view tenon.slo_uptime set (security_invoker = true);
alter view tenon.slo_quote_latency set (security_invoker = true);
alter view tenon.slo_agent_success set (security_invoker = true);
