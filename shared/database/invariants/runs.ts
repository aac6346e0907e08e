import { endedStatuses, mayMove, runStatuses } from '#shared/domain/run-states.ts'
import { overdue, type Invariant } from './invariant.ts'

const ended = [...endedStatuses]
// Longer than anybody ever holds or puts off a run.
const never = '1 hour'

/** Every move there is, as the history tells it; who asks again for what is going on is told of too. */
const legal = runStatuses.flatMap((from) =>
  runStatuses.filter((to) => to === from || mayMove(from, to)).map((to) => `${from} ${to}`),
)

export const runInvariants: Invariant[] = [
  {
    sentence: 'No combination of inputs has two runs.',
    broken: (sql) => sql`
      select 'runs ' || string_agg(run.id::text, ' ' order by run.id) as thing
        from (
          select plan_id, combination
            from run
           where combination is not null
           group by plan_id, combination
          having count(*) > 1
        ) as twice
        join run using (plan_id, combination)
       group by plan_id, combination`,
  },
  {
    sentence: 'A run is known by the combination of what it reads.',
    broken: (sql) => sql`
      select 'run ' || run.id as thing
        from run
        join plan on plan.id = run.plan_id
        left join (
          select run_id,
                 sha256(string_agg(int4send(input_id) || uuid_send(knit_id), ''::bytea order by input_id)) as combination
            from assign
           group by run_id
        ) as read on read.run_id = run.id
       where run.combination is distinct from read.combination
          or (run.combination is null) <> (plan.name is not null)`,
  },
  {
    sentence: 'Every input of a run has its data.',
    broken: (sql) => sql`
      select 'run ' || run_id as thing
        from (select run_id, plan_id, count(*) from assign group by run_id, plan_id) as given
        join (select plan_id, count(*) from input group by plan_id) as asked using (plan_id)
       where asked.count <> given.count`,
  },
  {
    sentence: 'Every output of a run has its data, and a deleted run has none.',
    broken: (sql) => sql`
      select 'run ' || run.id as thing
        from run
        left join (select plan_id, count(*) from output group by plan_id) as asked using (plan_id)
        left join (select run_id, count(*) from data group by run_id) as made on made.run_id = run.id
       where coalesce(made.count, 0) <> case status when 'invalidated' then 0 else coalesce(asked.count, 0) end`,
  },
  {
    sentence: 'A run that was not deleted reads data that can be used.',
    broken: (sql) => sql`
      select 'run ' || run.id || ' reads data ' || data.id as thing
        from data
        join assign on assign.knit_id = data.id
        join run on run.id = assign.run_id
       where not data.ready
         and run.status <> 'invalidated'`,
  },
  {
    sentence: 'Runs are held exactly while their plan is inactive.',
    broken: (sql) => sql`
      select 'run ' || run.id || ' is ' || status as thing
        from run
        join plan on plan.id = run.plan_id
       where status = case when active then 'deactivated' else 'waiting' end`,
  },
  {
    sentence: 'Every run has ended, is held, or will be looked at again soon.',
    broken: (sql, moment) => sql`
      select 'run ' || id || ' is ' || status as thing
        from run
       where status <> all (${[...ended, 'deactivated']}::text[])
         and (
           greatest(due_at, claimed_until) > now() + ${never}::interval
           or ${moment.patience} = 0
           -- Who waits may wait for room, and who runs takes as long as it takes; all others should have been served.
           or status in ('ready', 'starting', 'completing', 'aborting')
              and ${overdue(sql, 'due_at', moment)}
              and (claim is null or ${overdue(sql, 'claimed_until', moment)})
         )
       union all
      select 'run ' || run.id || ' is an upload without a lease'
        from run
        join plan on plan.id = run.plan_id and plan.name is not null
       where status = 'running'
         and not exists (
           select from agent join data on data.id = agent.knit_id
            where data.run_id = run.id and mode = 'write'
         )`,
  },
  {
    sentence: 'The history of a run leads by legal moves to where it is.',
    // What was kept long enough is forgotten, the oldest first: of an old run the beginning may be gone, or all of it.
    broken: (sql, { keepHistory }) => sql`
      select 'run ' || id || ': from ' || coalesce(came_from, 'nothing') || ' to ' || coalesce(went_to, 'nothing') as thing
        from (
          select run.id,
                 run.status,
                 run.attempt,
                 run.created_at < now() - ${keepHistory} * interval '1 day' as old,
                 told.attempt as told_attempt,
                 from_status,
                 lag(told.status) over steps as came_from,
                 told.status as went_to,
                 lead(told.id) over steps as next_step
            from run
            left join run_history as told on told.run_id = run.id
          window steps as (partition by run.id order by told.id)
        ) as step
       where from_status is distinct from came_from and not (old and came_from is null)
          or from_status || ' ' || went_to <> all (${legal}::text[])
          or next_step is null
             and (went_to is distinct from status or told_attempt is distinct from attempt)
             and not (old and went_to is null)`,
  },
  {
    sentence: 'No attempt is known that the run has not begun.',
    broken: (sql) => sql`
      select 'run ' || run_id || ' attempt ' || number as thing
        from attempt
        join run on run.id = run_id
       where number > run.attempt`,
  },
]
