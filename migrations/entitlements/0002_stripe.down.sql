drop index tenon.org_entitlements_trials;
drop table tenon.trial_reminders;
drop table tenon.billing_usage;
drop table tenon.billing_leases;
drop table tenon.billing_events;
drop table tenon.billing_customers;
drop function tenon.forget_billing_customer();
