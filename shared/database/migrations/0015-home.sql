-- The local home that has the files of these data; a cluster has none. Where it lies is for people.
create table home (
  is_only boolean primary key default true check (is_only),
  id text not null,
  place text not null,
  since timestamptz not null default now()
);
