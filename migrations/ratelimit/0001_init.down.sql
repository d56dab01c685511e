drop function tenon.settle_ratelimits(text[], text[], text[], bigint[]);
drop function tenon.ratelimit_room(bigint, bigint, bigint, bigint);
drop table tenon.ratelimits;
