-- Events recorded by the transaction they report, until they have been published.
create table outbox (
  id uuid primary key default uuidv7(),
  type text not null,
  subject text not null,
  data jsonb not null,
  traceparent text,
  created_at timestamptz not null default now(),
  -- Somebody is publishing it just now.
  leased_until timestamptz
);

-- Events that kept failing in a step, with the last cause, until their work is done or an operator replays or drops them.
create table dead_letter (
  id uuid primary key default uuidv7(),
  step text not null,
  event jsonb not null,
  cause text not null,
  -- How often it was given up; first and last, when.
  times integer not null default 1,
  created_at timestamptz not null default now(),
  last_at timestamptz not null default now()
);
-- The sweep tells of the same work again and again.
create unique index dead_letter_of_step on dead_letter (step, (event ->> 'name'), (event ->> 'subject'));
create index dead_letter_last_at on dead_letter (last_at);

-- After-hooks to be called, with the status of the transition they tell of.
create table hook_delivery (
  id uuid primary key default uuidv7(),
  run_id uuid not null,
  attempt integer not null,
  status run_status not null,
  url text not null,
  body jsonb not null,
  failures smallint not null default 0,
  due_at timestamptz not null default now(),
  claim uuid,
  claimed_until timestamptz,
  last_error text,
  created_at timestamptz not null default now(),
  delivered_at timestamptz,
  check (num_nonnulls(claim, claimed_until) in (0, 2))
);
create index hook_delivery_due on hook_delivery (due_at) where delivered_at is null;

-- Volumes nobody needs any more, until they have been deleted.
create table garbage (
  volume text primary key,
  failures smallint not null default 0,
  due_at timestamptz not null default now(),
  reason text,
  created_at timestamptz not null default now()
);
create index garbage_due_at on garbage (due_at, volume);

-- Who reads or writes a data just now. A lease: whoever is past it is presumed dead.
create table agent (
  id uuid primary key default uuidv7(),
  knit_id uuid not null references data,
  mode text not null check (mode in ('read', 'write')),
  lease_until timestamptz not null,
  created_at timestamptz not null default now()
);
create index agent_knit_id on agent (knit_id);
create index agent_lease_until on agent (lease_until);
-- One writer of a data, any number of readers.
create unique index agent_writer on agent (knit_id) where mode = 'write';
