drop table tenon.findings;
drop table tenon.tour_progress;
drop table tenon.timers;
drop table tenon.support_rule_versions;
drop table tenon.support_rules;
drop table tenon.ticket_events;
drop table tenon.tickets;
