drop table tenon.gdpr_suppressions;
drop table tenon.gdpr_certificates;
drop table tenon.gdpr_work;
drop table tenon.gdpr_marks;
drop table tenon.gdpr_deletions;
