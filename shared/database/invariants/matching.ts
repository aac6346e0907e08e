import type { Fragment, Queryable } from '../sql.ts'
import { overdue, type Invariant } from './invariant.ts'

/** Every data that fits an input, by trying what each input asks for: the plain way, which matching must agree with. */
const allThatFits = (sql: Queryable): Fragment => sql`
  select input.id as input_id, data.id as knit_id, input.plan_id
    from input
    join data on data.ready and data.tags @> input.tags
   where cardinality(input.tags) > 0
     and (input.knit_id is null or input.knit_id = data.id)
     and (input.knit_timestamp is null or input.knit_timestamp = data.ended_at)
   union all
  select input.id, data.id, input.plan_id
    from input
    join data on data.ready and data.id = input.knit_id
   where cardinality(input.tags) = 0
     and (input.knit_timestamp is null or input.knit_timestamp = data.ended_at)
   union all
  select input.id, data.id, input.plan_id
    from input
    join data on data.ready and data.ended_at = input.knit_timestamp
   where cardinality(input.tags) = 0
     and input.knit_id is null`

export const matchingInvariants: Invariant[] = [
  {
    sentence: 'No fact waits to be matched for long.',
    broken: (sql, moment) => sql`
      select coalesce('data ' || knit_id, 'plan ' || plan_id) as thing
        from match_task
       where ${overdue(sql, 'created_at', moment)}`,
  },
  {
    sentence: 'What fits an input is nominated for it, or is still to be matched.',
    broken: (sql) => sql`
      select 'data ' || knit_id || ' for input ' || input_id || ' of plan ' || plan_id as thing
        from (${allThatFits(sql)}) as fit
       where not exists (
               select from nomination as nominated
                where (nominated.input_id, nominated.knit_id) = (fit.input_id, fit.knit_id)
             )
         and not exists (select from match_task as task where task.knit_id = fit.knit_id)
         and not exists (select from match_task as task where task.plan_id = fit.plan_id)`,
  },
  {
    sentence: 'What is nominated fits, or is still to be looked at.',
    broken: (sql) => sql`
      select 'data ' || data.id || ' for input ' || input.id || ' of plan ' || input.plan_id as thing
        from nomination
        join input on input.id = nomination.input_id
        join data on data.id = nomination.knit_id
       where not due
         and not (
           ready
           and data.tags @> input.tags
           and (input.knit_id is null or input.knit_id = data.id)
           and (input.knit_timestamp is null or input.knit_timestamp = ended_at)
         )`,
  },
  {
    sentence: 'No nomination waits to be projected for long, but for paused plans.',
    // What a user has allowed was nominated long ago, and takes as long as it takes.
    broken: (sql, moment) => sql`
      select 'data ' || knit_id || ' for input ' || input_id || ' of plan ' || plan_id as thing
        from nomination
        join plan on plan.id = plan_id and would_create is null
       where due
         and (${moment.patience} = 0 or allowed is null and ${overdue(sql, 'nomination.created_at', moment)})`,
  },
  {
    sentence: 'Every combination of what was nominated and projected has its run.',
    // By numbers: as many runs of nominated data alone as there are combinations.
    broken: (sql) => sql`
      with filled as (
        select input.plan_id, round(exp(sum(ln(given.count::numeric)))) as combinations
          from input
          left join (
            select input_id, count(*) from nomination where not due group by input_id
          ) as given on given.input_id = input.id
         group by input.plan_id
        having count(given.count) = count(*)
      ), made as (
        select plan_id, count(*) as runs
          from (
            select assign.plan_id
              from assign
              left join nomination
                on nomination.input_id = assign.input_id
               and nomination.knit_id = assign.knit_id
               and not due
             group by assign.plan_id, assign.run_id
            having count(*) = count(nomination.knit_id)
          ) as nominated
         group by plan_id
      )
      select 'plan ' || plan_id || ': ' || coalesce(runs, 0) || ' runs for ' || combinations || ' combinations' as thing
        from filled
        left join made using (plan_id)
       where combinations <> coalesce(runs, 0)`,
  },
]
