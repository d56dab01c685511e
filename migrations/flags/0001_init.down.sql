drop table tenon.flag_marks;
drop table tenon.flag_versions;
drop table tenon.flags;
drop table tenon.flags_revision;
