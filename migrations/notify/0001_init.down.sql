drop table tenon.notification_groups;
drop table tenon.notifications;
