import { leastDaysOfAudit } from '#shared/domain/audit.ts'
import { overdue, type Invariant } from './invariant.ts'

export const dataInvariants: Invariant[] = [
  {
    sentence: 'Data can be used exactly when the run that made it is done.',
    broken: (sql) => sql`
      select 'data ' || data.id || ' of run ' || run.id as thing
        from data
        join run on run.id = data.run_id
       where ready <> (status = 'done')
          or (ended_at is not null) <> (status in ('done', 'failed'))`,
  },
  {
    sentence: 'Every tag that data carries exists, and is carried once.',
    broken: (sql) => sql`
      select 'data ' || data.id as thing
        from data
       cross join lateral unnest(tags) with ordinality as carried (tag, position)
        left join tag on tag.id = carried.tag
       where tag.id is null
          or position > 1 and carried.tag <= data.tags[position - 1]`,
  },
  {
    sentence: 'Data carry the tags they were made with, until somebody changes them.',
    // The database notes whenever they are changed; of a user's change the audit tells, in the same transaction.
    broken: (sql) => sql`
      select 'data ' || data.id as thing
        from data
        join output on output.id = output_id
        join plan on plan.id = data.plan_id and plan.name is null
       where tagged_at is null
         and data.tags <> output.tags
       union all
      select 'data ' || id
        from data
       where tagged_at > now() - ${leastDaysOfAudit} * interval '1 day'
         and not exists (
               select
                 from audit
                where route = 'data.tag'
                  and actor is not null
                  and at::timestamptz(3) = tagged_at
                  and subjects @> array[data.id::text]
             )`,
  },
  {
    sentence: 'Nobody is taken to read or write data who has long been gone.',
    broken: (sql, moment) => sql`
      select 'agent ' || id || ' of data ' || knit_id as thing
        from agent
       where ${moment.patience} = 0
          or ${overdue(sql, 'lease_until', moment)}`,
  },
]
