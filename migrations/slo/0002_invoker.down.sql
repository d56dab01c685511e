alter view tenon.slo_agent_success reset (security_invoker);
alter view tenon.slo_quote_latency reset (security_invoker);
alter view tenon.slo_uptime reset (security_invoker);
