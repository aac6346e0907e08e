import type { EventName } from '#shared/contracts/events.ts'
import { inQueue } from './admission.ts'
import { isHeldBack } from './hooks.ts'
import { isLater } from './runs.ts'
import type { Queryable } from './sql.ts'

/** Work that is due and that nobody serves, as the event that wakes the step for it. */
export type Due = {
  name: EventName
  subject: string
  data: Record<string, unknown>
  /** Differs as soon as somebody has served it: of a run when that was, of others what is next. */
  servedAt: string | null
}

/** Everything that is due, by one question: some of each kind, the longest due first. */
export async function findDue(
  sql: Queryable,
  limit: number,
  maxHookFailures: number,
): Promise<Due[]> {
  return sql<Due[]>`
    (
      select 'run.' || case status when 'running' then 'starting' else status end as name,
             id::text as subject,
             jsonb_build_object('runId', id, 'attempt', attempt) as data,
             claimed_at::text as "servedAt"
        from run
       where status in ('ready', 'starting', 'running', 'completing', 'aborting')
         and not ${isLater(sql)}
         and (claim is null or claimed_until < now())
         and (status <> 'running' or plan_id in (select id from plan where name is null))
       order by due_at
       limit ${limit}
    )
    union all
    (
      select 'run.waiting', plan_id::text, jsonb_build_object('planId', plan_id), null
        from run
       where ${inQueue(sql)}
       limit 1
    )
    union all
    (
      select 'data.nominated', plan_id::text, jsonb_build_object('planId', plan_id), (
               select concat_ws(' ', input_id, knit_id, cursor)
                 from nomination
                where plan_id = nominated.plan_id
                  and due
                order by input_id, knit_id
                limit 1
             )
        from (
          select distinct plan_id
            from nomination
            join plan on plan.id = plan_id and plan.would_create is null
           where due
        ) as nominated
       limit ${limit}
    )
    union all
    (
      select 'plan.registered', plan_id::text, jsonb_build_object('planId', plan_id), concat_ws(' ', id, cursor)
        from match_task
       where plan_id is not null
       limit 1
    )
    union all
    (
      select 'data.tagged', knit_id::text, jsonb_build_object('knitId', knit_id), id::text
        from match_task
       where knit_id is not null
       limit 1
    )
    union all
    (
      select 'volume.dropped', 'garbage', '{}', volume
        from garbage
       where failures = 0 or due_at <= now()
       order by due_at
       limit 1
    )
    union all
    (
      select 'hook.recorded', 'hooks', '{}', id::text
        from hook_delivery as delivery
       where delivered_at is null
         and failures < ${maxHookFailures}
         and (failures = 0 or due_at <= now())
         and (claim is null or claimed_until < now())
         and not ${isHeldBack(sql, maxHookFailures)}
       order by due_at
       limit 1
    )`
}
