create domain run_status as text check (
  value in (
    'deactivated', 'waiting', 'ready', 'starting', 'running',
    'completing', 'aborting', 'done', 'failed', 'invalidated'
  )
);

create table run (
  id uuid primary key default uuidv7(),
  plan_id uuid not null references plan,
  status run_status not null,
  attempt integer not null default 1 check (attempt > 0),
  -- sha256 over (input id, knit id) sorted by input; null for runs without inputs. Tombstones keep holding theirs.
  combination bytea,
  -- Who serves the run now, for how long. The token differs with each claim.
  claim uuid,
  claimed_by text,
  claimed_until timestamptz,
  -- Since when; stays when the claim is given back.
  claimed_at timestamptz(3),
  -- Not to be served before; moves on when a step fails or has looked in vain.
  due_at timestamptz not null default now(),
  -- How often the step of this status has failed, how often a hook kept it, and what people are told about it.
  failures smallint not null default 0,
  hook_failures smallint not null default 0,
  reason text,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  unique (plan_id, id),
  -- One run per plan and combination of inputs, ever.
  unique (plan_id, combination),
  check (num_nonnulls(claim, claimed_by, claimed_until) in (0, 3))
);
create index run_updated_at on run (updated_at, id);
-- What a step may have to serve, and what people look for: of all statuses but the one that nearly all runs have.
create index run_due on run (status, due_at) where status <> 'done';
-- Deactivating and activating a plan, and taking turns between plans, the oldest first.
create index run_held on run (plan_id, status, created_at, id) where status in ('deactivated', 'waiting');

-- What an attempt to execute a run was given and how it ended.
create table attempt (
  run_id uuid not null references run on delete cascade,
  number integer not null,
  worker text,
  worker_uid text,
  -- The image as it was executed (a digest where the engine knows one), and what hooks put in the environment.
  image text,
  env jsonb not null default '{}',
  created_at timestamptz(3) not null default now(),
  started_at timestamptz(3),
  ended_at timestamptz(3),
  exit_code smallint check (exit_code between 0 and 255),
  exit_message text check (length(exit_message) <= 1024),
  -- What a failure is to be laid to: only a machine's is tried again by the system.
  cause text check (cause in ('program', 'machine', 'plan', 'user')),
  primary key (run_id, number),
  check ((exit_code is null) = (exit_message is null))
);

-- Every status of every run, for ever: when, by whom, why. No foreign key: it outlives the run.
create table run_history (
  id bigint generated always as identity primary key,
  run_id uuid not null,
  attempt integer not null,
  from_status run_status,
  status run_status not null,
  at timestamptz(3) not null default now(),
  actor text not null,
  reason text,
  -- When whoever made the move took the run on; null when nobody had to.
  claimed_at timestamptz(3)
);
create index run_history_run_id on run_history (run_id, id);

create table data (
  id uuid primary key default uuidv7(),
  plan_id uuid not null,
  run_id uuid not null,
  output_id integer not null,
  -- The user's tags, sorted by id. On this row, so that one row lock covers them.
  tags integer[] not null default '{}',
  -- When they were last changed, if they ever were.
  tagged_at timestamptz(3),
  -- True once the run that made it is done: only then it fits inputs.
  ready boolean not null default false,
  -- When the run that made it ended, well or not: shown as knit#timestamp.
  ended_at timestamptz(3),
  bytes bigint,
  files bigint,
  digest text,
  created_at timestamptz(3) not null default now(),
  unique (run_id, output_id),
  foreign key (plan_id, run_id) references run (plan_id, id),
  foreign key (plan_id, output_id) references output (plan_id, id),
  check (ended_at is not null or not ready),
  check (num_nonnulls(bytes, files, digest) in (0, 3))
);
create index data_tags on data using gin (tags);
create index data_ended_at on data (ended_at, id);

create table assign (
  run_id uuid not null,
  plan_id uuid not null,
  input_id integer not null,
  knit_id uuid not null references data,
  primary key (run_id, input_id),
  -- The input and the run belong to the same plan.
  foreign key (plan_id, run_id) references run (plan_id, id) on delete cascade,
  foreign key (plan_id, input_id) references input (plan_id, id)
);
create index assign_knit_id on assign (knit_id);
