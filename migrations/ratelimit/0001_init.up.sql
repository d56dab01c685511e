-- Limits that processes share. Times are microseconds since 1970, by this server's clock.

-- Unlogged: a limit is of the moment, and not worth a log that outlives it. A crash of Postgres empties the table, after
-- which every window begins anew; "alter table tenon.ratelimits set logged" changes that.
create unlogged table tenon.ratelimits (
  tenant_id  text not null,
  name       text not null,
  limit_id   text not null,
  latest     bigint not null default 0,
  expires    bigint not null default 0,
  cells      bigint[] not null default '{}',
  units      bigint[] not null default '{}',
  primary key (tenant_id, name, limit_id)
) with (fillfactor = 50);
comment on table tenon.ratelimits is
  'What was taken under a limit of a key. Sliding windows: units by cell, the oldest first. Calendars: the period, which
begins and ends at the cells, and its units. Token buckets: the one cell is when the bucket is full again.';

-- How many units fit into a token bucket that is full again at p_full; a p_interval of 0 never gains.
create function tenon.ratelimit_room(p_interval bigint, p_depth bigint, p_full bigint, p_now bigint)
  returns bigint
  language sql immutable parallel safe
  return case when p_interval = 0 then 0 else greatest(p_now + p_depth - p_full, 0) * 1000 / p_interval end;
comment on function tenon.ratelimit_room(bigint, bigint, bigint, bigint) is 'Units that fit into a token bucket.';

-- Carries operations out, as ratelimit.Account does: the rows that they name are locked in the order given, which is
-- that of the key. p_numbers is
--   the time, or 0 for this server's
--   the number of limits; for each its algorithm, its ceiling and
--     1 (token bucket): nanoseconds for a unit; 0 never gains
--     2 (calendar): where four periods begin
--     0, 3 (strict, concurrency): the length of a cell
--     4 (unlimited): nothing
--   the number of operations; for each its kind, how many units, how few, the lapse, when they were taken, and for each
--     of its limits, after their number, the places of the row and of the limit
-- and the answer has eight numbers for each operation: whether it was granted (2: no period holds the time), units, the
-- place of the limit that decided, from 0, what it has left, when to come again, when all is free, the lapse, the time.
create function tenon.settle_ratelimits(p_tenants text[], p_names text[], p_limit_ids text[], p_numbers bigint[])
  returns bigint[]
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_cells constant bigint := 23;
  c_unknown constant bigint := 1::bigint << 61; -- longer than all waits: nobody can say
  c_never constant bigint := 1::bigint << 62; -- and: in vain
  v_at int; -- in p_numbers
  v_server bigint;
  v_rows tenon.ratelimits[];
  v_changed boolean[];
  -- the limits of the batch
  v_kinds bigint[];
  v_max bigint[];
  v_a bigint[]; -- nanoseconds for a unit; the length of a cell; of a calendar, where in p_numbers its periods are
  v_depth bigint[]; -- of a bucket, in microseconds
  -- the operation at hand
  v_kind bigint;
  v_n bigint;
  v_least bigint;
  v_lapse bigint;
  v_lasts bigint; -- for how long what is granted may be given out
  v_taken bigint;
  v_count int;
  v_places bigint[]; -- in v_rows, of each of its limits
  v_limits bigint[]; -- in v_kinds and those beside it
  v_counted bigint[]; -- when a token bucket is full again; the units that count under another limit
  v_start bigint[]; -- of a calendar's period
  v_stop bigint[];
  v_now bigint;
  v_apart int;
  v_units bigint;
  v_granted bigint;
  v_which int;
  v_longest bigint;
  v_remaining bigint;
  v_after bigint;
  -- a limit of it
  v_limit int;
  v_place int;
  v_row tenon.ratelimits;
  v_free bigint;
  v_wait bigint;
  v_left bigint;
  v_cell bigint;
  v_x bigint;
  v_j int;
  v_answer bigint[] := '{}';
begin
  insert into tenon.ratelimits as r (tenant_id, name, limit_id)
  select t, u, i
  from unnest(p_tenants, p_names, p_limit_ids) as k (t, u, i)
  on conflict (tenant_id, name, limit_id) do update set latest = r.latest where false; -- which locks the row all the same

  select array_agg(r order by k.place)
  into v_rows
  from unnest(p_tenants, p_names, p_limit_ids) with ordinality as k (t, u, i, place)
  join tenon.ratelimits r on r.tenant_id = k.t and r.name = k.u and r.limit_id = k.i;

  v_server := p_numbers[1];
  if v_server = 0 then
    v_server := extract(epoch from clock_timestamp()) * 1000000;
  end if;

  v_count := p_numbers[2];
  v_at := 3;
  for i in 1..v_count loop
    v_kinds[i] := p_numbers[v_at];
    v_max[i] := p_numbers[v_at + 1];
    v_a[i] := p_numbers[v_at + 2];
    v_at := v_at + 3;
    if v_kinds[i] = 1 then
      v_depth[i] := (v_max[i] * v_a[i] + 999) / 1000;
    elsif v_kinds[i] = 2 then
      v_a[i] := v_at - 1;
      v_at := v_at + 3;
    elsif v_kinds[i] = 4 then
      v_at := v_at - 1;
    end if;
  end loop;

  v_changed := array_fill(false, array[cardinality(v_rows)]);
  for o in 1..p_numbers[v_at] loop
    v_kind := p_numbers[v_at + 1];
    v_n := p_numbers[v_at + 2];
    v_least := p_numbers[v_at + 3];
    v_lapse := p_numbers[v_at + 4];
    v_taken := p_numbers[v_at + 5];
    v_count := p_numbers[v_at + 6];
    v_at := v_at + 6;
    v_now := v_server;
    v_apart := null;
    for i in 1..v_count loop
      v_places[i] := p_numbers[v_at + 1];
      v_limits[i] := p_numbers[v_at + 2];
      v_at := v_at + 2;
      v_now := greatest(v_now, (v_rows[v_places[i]]).latest);
    end loop;
    v_lasts := v_lapse;

    -- In which period it is: the one that is kept, or one of those that were named.
    for i in 1..v_count loop
      v_limit := v_limits[i];
      continue when v_kinds[v_limit] <> 2;
      v_row := v_rows[v_places[i]];
      v_start[i] := null;
      if v_row.cells[1] <= v_now and v_now < v_row.cells[2] then
        v_start[i] := v_row.cells[1];
        v_stop[i] := v_row.cells[2];
      else
        for b in v_a[v_limit]..v_a[v_limit] + 2 loop
          if p_numbers[b] <= v_now and v_now < p_numbers[b + 1] then
            v_start[i] := p_numbers[b];
            v_stop[i] := p_numbers[b + 1];
          end if;
        end loop;
      end if;
      if v_start[i] is null then
        v_apart := coalesce(v_apart, i);
      end if;
    end loop;
    if v_apart is not null then
      v_answer := v_answer || array[2, 0, v_apart - 1, 0, 0, 0, 0, v_now];
      continue;
    end if;

    -- What counts, what is free, and how long to wait.
    v_units := v_n;
    v_which := 1;
    v_longest := -1;
    for i in 1..v_count loop
      v_limit := v_limits[i];
      v_row := v_rows[v_places[i]];
      if v_kinds[v_limit] = 4 then
        v_free := least(v_max[v_limit], v_n);
        v_counted[i] := 0;
      elsif v_kinds[v_limit] = 1 then
        -- A bucket is no emptier than empty, from now on.
        if v_a[v_limit] > 0 and v_row.cells[1] > v_now + v_depth[v_limit] then
          v_row.cells := array[v_now + v_depth[v_limit]];
          v_row.expires := v_row.cells[1];
          v_row.latest := v_now;
          v_rows[v_places[i]] := v_row;
          v_changed[v_places[i]] := true;
        end if;
        v_counted[i] := greatest(v_row.cells[1], v_now);
        v_free := least(tenon.ratelimit_room(v_a[v_limit], v_depth[v_limit], v_counted[i], v_now), v_n);
        if v_free > v_least then -- more only where that leaves them all of the lapse
          v_free := greatest(v_least, least(v_free,
            tenon.ratelimit_room(v_a[v_limit], v_depth[v_limit], greatest(v_counted[i], v_now + v_lapse), v_now)));
        end if;
      elsif v_kinds[v_limit] = 2 then
        v_counted[i] := case when v_row.cells[1] = v_start[i] then v_row.units[1] else 0 end;
        v_free := least(greatest(v_max[v_limit] - v_counted[i], 0), v_n);
      else
        v_x := v_now / v_a[v_limit] - c_cells;
        v_j := 1;
        while v_row.cells[v_j] < v_x loop
          v_j := v_j + 1;
        end loop;
        if v_j > 1 then
          v_row.cells := v_row.cells[v_j:];
          v_row.units := v_row.units[v_j:];
          v_rows[v_places[i]] := v_row;
        end if;
        v_x := 0;
        foreach v_free in array v_row.units loop
          v_x := v_x + v_free;
        end loop;
        v_counted[i] := v_x;
        v_free := least(greatest(v_max[v_limit] - v_x, 0), v_n);
      end if;
      v_units := least(v_units, v_free);
      if v_kind <= 1 and v_free < v_least then
        v_wait := c_never;
        if v_least > v_max[v_limit] then
          null;
        elsif v_kinds[v_limit] = 1 then
          v_wait := v_counted[i] + (v_least * v_a[v_limit] + 999) / 1000 - v_depth[v_limit] - v_now;
        elsif v_kinds[v_limit] = 2 then
          v_wait := v_stop[i] - v_now;
        elsif v_kinds[v_limit] = 3 then
          v_wait := c_unknown;
        else
          v_x := v_counted[i];
          for e in 1..cardinality(v_row.cells) loop
            v_x := v_x - v_row.units[e];
            if v_x + v_least <= v_max[v_limit] then
              v_wait := (v_row.cells[e] + c_cells + 1) * v_a[v_limit] - v_now;
              exit;
            end if;
          end loop;
        end if;
        if v_wait > v_longest then
          v_which := i;
          v_longest := v_wait;
        end if;
      end if;
    end loop;
    v_granted := case when v_kind <= 1 and v_units >= v_least then 1 else 0 end;
    if v_granted = 1 or v_longest >= c_unknown or v_longest < 0 then
      v_longest := 0;
    end if;
    if v_kind <> 0 or v_granted = 0 then
      v_units := 0;
    end if;

    -- What changes.
    if v_units > 0 or v_kind >= 2 then
      for i in 1..v_count loop
        v_limit := v_limits[i];
        v_place := v_places[i];
        continue when v_kinds[v_limit] = 4 and v_kind <> 3;
        v_row := v_rows[v_place];
        v_row.latest := v_now;
        v_changed[v_place] := true;
        if v_kind = 3 then
          v_row.cells := '{}';
          v_row.units := '{}';
          v_counted[i] := case when v_kinds[v_limit] = 1 then v_now else 0 end;
        elsif v_kinds[v_limit] = 1 then
          if v_kind = 2 then
            v_x := (least(v_n, c_never / greatest(v_a[v_limit], 1)) * v_a[v_limit] + 999) / 1000 - (v_now - v_taken);
            if v_x > 0 then
              v_counted[i] := greatest(v_counted[i] - v_x, v_now);
              v_row.cells := array[v_counted[i]];
              v_row.units := '{0}';
            end if;
          else
            v_x := (v_units * v_a[v_limit] + 999) / 1000;
            v_wait := v_lapse;
            if v_n > v_least then
              v_wait := least(v_wait, greatest(v_depth[v_limit] - v_x, 0));
              v_counted[i] := greatest(v_counted[i], v_now + v_wait);
            end if;
            v_lasts := least(v_lasts, v_wait);
            v_counted[i] := v_counted[i] + v_x;
            v_row.cells := array[v_counted[i]];
            v_row.units := '{0}';
          end if;
        elsif v_kinds[v_limit] = 2 then
          if v_kind = 0 then
            v_counted[i] := v_counted[i] + v_units;
            v_row.cells := array[v_start[i], v_stop[i]];
            v_row.units := array[v_counted[i], 0];
            v_lasts := least(v_lasts, v_stop[i] - v_now);
          elsif v_taken >= v_start[i] and v_row.cells[1] = v_start[i] then
            v_counted[i] := greatest(v_counted[i] - v_n, 0);
            v_row.units := array[v_counted[i], 0];
          end if;
        elsif v_kind = 0 then
          v_wait := case when v_kinds[v_limit] = 3 then 0 else v_lapse end;
          v_lasts := least(v_lasts, v_wait);
          v_cell := (v_now + v_wait) / v_a[v_limit];
          v_j := cardinality(v_row.cells);
          while v_j > 0 and v_row.cells[v_j] > v_cell loop
            v_j := v_j - 1;
          end loop;
          if v_j > 0 and v_row.cells[v_j] = v_cell then
            v_row.units[v_j] := v_row.units[v_j] + v_units;
          else
            v_row.cells := v_row.cells[:v_j] || v_cell || v_row.cells[v_j + 1:];
            v_row.units := v_row.units[:v_j] || v_units || v_row.units[v_j + 1:];
          end if;
          v_counted[i] := v_counted[i] + v_units;
        else
          v_x := case when v_kinds[v_limit] = 3 then v_taken else v_taken + v_lapse end;
          v_j := array_position(v_row.cells, v_x / v_a[v_limit]);
          if v_j is not null then
            v_counted[i] := v_counted[i] - least(v_n, v_row.units[v_j]);
            v_row.units[v_j] := greatest(v_row.units[v_j] - v_n, 0);
          end if;
        end if;
        v_row.expires := case
          when cardinality(v_row.cells) = 0 then 0
          when v_kinds[v_limit] = 1 then v_row.cells[1]
          when v_kinds[v_limit] = 2 then v_row.cells[2]
          else (v_row.cells[cardinality(v_row.cells)] + c_cells + 1) * v_a[v_limit]
        end;
        v_rows[v_place] := v_row;
      end loop;
    end if;

    -- How the limits stand.
    v_remaining := null;
    v_after := 0;
    for i in 1..v_count loop
      v_limit := v_limits[i];
      v_left := case v_kinds[v_limit]
        when 1 then tenon.ratelimit_room(v_a[v_limit], v_depth[v_limit], v_counted[i], v_now)
        else greatest(v_max[v_limit] - v_counted[i], 0)
      end;
      if v_kind <= 1 and v_granted = 0 then
        if i = v_which then
          v_remaining := v_left;
        end if;
      elsif v_remaining is null or v_left < v_remaining then
        v_which := i;
        v_remaining := v_left;
      end if;
      if v_kinds[v_limit] = 1 then
        v_after := greatest(v_after, case when v_a[v_limit] > 0 then v_counted[i] - v_now else 0 end);
      elsif v_kinds[v_limit] = 2 and v_counted[i] > 0 then
        v_after := greatest(v_after, v_stop[i] - v_now);
      elsif v_counted[i] > 0 then
        v_after := greatest(v_after, (v_rows[v_places[i]]).expires - v_now);
      end if;
    end loop;
    v_answer := v_answer || array[v_granted, v_units, v_which - 1, v_remaining, v_longest, v_after, v_lasts, v_now];
  end loop;

  update tenon.ratelimits r
  set latest = v.latest,
    expires = v.expires,
    cells = v.cells,
    units = v.units
  from unnest(v_rows, v_changed) as v (tenant_id, name, limit_id, latest, expires, cells, units, touched)
  where v.touched
    and r.tenant_id = v.tenant_id
    and r.name = v.name
    and r.limit_id = v.limit_id;
  return v_answer;
end
$$;
comment on function tenon.settle_ratelimits(text[], text[], text[], bigint[]) is 'Carries out operations on limits.';
