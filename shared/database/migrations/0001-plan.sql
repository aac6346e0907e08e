-- PostgreSQL 18 has uuidv7(); older servers get the same from here.
do $$
begin
  if to_regprocedure('pg_catalog.uuidv7()') is null then
    create function uuidv7() returns uuid language sql volatile as $f$
      select encode(
        overlay(
          overlay(uuid_send(gen_random_uuid()) placing
            substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
            from 1 for 6)
          placing set_byte('\x00'::bytea, 0, 112 + (get_byte(uuid_send(gen_random_uuid()), 0) & 15))
          from 7 for 1),
        'hex')::uuid
    $f$;
  end if;
end $$;

-- Tags are interned once and never change, so that rows can carry them as integer[].
create table tag (
  id integer generated always as identity primary key,
  key text not null,
  value text not null,
  -- A value may be longer than an index entry can be, so its identity is a digest of key, NUL, value.
  digest bytea not null unique
);
create index tag_key on tag (key);

create table plan (
  id uuid primary key default uuidv7(),
  -- Only the built-in plans have a name; all others have an image and a hash.
  name text unique,
  image text,
  image_tag text,
  entrypoint text[] not null default '{}',
  args text[] not null default '{}',
  -- {"may": [{"key", "value"}], "prefer": […], "must": […]}
  on_node jsonb not null default '{}',
  -- {"cpu": "1", …}: canonical quantities
  resources jsonb not null default '{}',
  -- [{"key", "value"}], sorted
  annotations jsonb not null default '[]',
  service_account text,
  active boolean not null default true,
  -- sha256 of what makes two plans equivalent: unique, so that equivalents cannot be registered unseen.
  hash bytea unique,
  created_at timestamptz(3) not null default now(),
  -- Paused: up to so many runs would be made of what was nominated then, which is more than may be made unasked.
  would_create double precision,
  -- So many a user has allowed, until all that was nominated by then is projected.
  allowed double precision,
  check ((name is null) = (image is not null)),
  check ((image is null) = (image_tag is null)),
  check ((image is null) = (hash is null)),
  -- Built-in plans cannot be deactivated.
  check (active or name is null)
);

create table input (
  id integer generated always as identity primary key,
  plan_id uuid not null references plan,
  position smallint not null,
  path text not null,
  tags integer[] not null default '{}',
  -- The tag of this input that fewest data had at registration: finding inputs by it keeps matching cheap. Any
  -- other tag of the input would be as correct.
  rarest_tag integer,
  -- Deliberately no foreign key: it may name a data that does not exist, yet or any more.
  knit_id uuid,
  knit_timestamp timestamptz(3),
  unique (plan_id, id),
  unique (plan_id, path),
  unique (plan_id, position),
  check ((cardinality(tags) = 0) = (rarest_tag is null)),
  check (rarest_tag is null or rarest_tag = any (tags)),
  -- An input asks for something.
  check (num_nonnulls(rarest_tag, knit_id, knit_timestamp) > 0)
);
create index input_rarest_tag on input (rarest_tag);
create index input_knit_id on input (knit_id) where rarest_tag is null and knit_id is not null;
create index input_knit_timestamp on input (knit_timestamp) where rarest_tag is null and knit_id is null;

create table output (
  id integer generated always as identity primary key,
  plan_id uuid not null references plan,
  position smallint not null,
  -- Null for the log, of which a plan has at most one.
  path text,
  tags integer[] not null default '{}',
  unique (plan_id, id),
  unique nulls not distinct (plan_id, path),
  unique (plan_id, position)
);
create index output_tags on output using gin (tags);

-- Where data come from that no program made.
insert into plan (name) values ('knit#uploaded'), ('knit#imported');
insert into output (plan_id, position, path)
select id, 0, case name when 'knit#uploaded' then '/upload' else '/imported' end
  from plan;
