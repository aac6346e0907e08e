-- Which data may fill which input. A candidate, never a proof: projection checks again under lock.
create table nomination (
  input_id integer not null,
  knit_id uuid not null references data on delete cascade,
  plan_id uuid not null,
  -- Its combinations are still to be made.
  due boolean not null default true,
  -- Where a large product was left: the data last combined with, by input.
  cursor uuid[],
  created_at timestamptz(3) not null default now(),
  primary key (input_id, knit_id),
  foreign key (plan_id, input_id) references input (plan_id, id)
);
create index nomination_knit_id on nomination (knit_id);
create index nomination_due on nomination (plan_id, input_id, knit_id) where due;

-- A fact that must be matched against everything: a data that became ready or changed its tags, or a new plan.
create table match_task (
  id bigint generated always as identity primary key,
  plan_id uuid references plan,
  knit_id uuid references data on delete cascade,
  -- Where matching a plan with many data was left.
  cursor uuid,
  created_at timestamptz not null default now(),
  check (num_nonnulls(plan_id, knit_id) = 1)
);
create index match_task_knit_id on match_task (knit_id);
create index match_task_plan_id on match_task (plan_id) where plan_id is not null;
