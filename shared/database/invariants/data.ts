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
    sentence: 'Nobody is taken to read or write data who has long been gone.',
    broken: (sql, moment) => sql`
      select 'agent ' || id || ' of data ' || knit_id as thing
        from agent
       where ${moment.patience} = 0
          or ${overdue(sql, 'lease_until', moment)}`,
  },
]
