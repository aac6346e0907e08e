import type { Work } from '#shared/domain/worker-spec.ts'
import type { Queryable } from './sql.ts'

/** All that is needed to execute an attempt of a run; undefined when that is not its attempt any more: another one has other outputs. */
export async function loadWork(
  sql: Queryable,
  { id, attempt }: { id: string; attempt: number },
): Promise<Work | undefined> {
  const [work] = await sql<Work[]>`
    select plan.image || ':' || plan.image_tag as image,
           plan.entrypoint,
           plan.args,
           plan.on_node as "onNode",
           plan.resources,
           plan.annotations,
           plan.service_account as "serviceAccount",
           (
             select coalesce(
                      json_agg(json_build_object('path', input.path, 'knitId', assign.knit_id) order by input.position),
                      '[]')
               from assign
               join input on input.id = assign.input_id
              where assign.run_id = run.id
           ) as inputs,
           (
             select coalesce(
                      json_agg(json_build_object('path', output.path, 'knitId', data.id) order by output.position),
                      '[]')
               from data
               join output on output.id = data.output_id
              where data.run_id = run.id
           ) as outputs
      from run
      join plan on plan.id = run.plan_id
     where run.id = ${id}
       and run.attempt = ${attempt}`
  return work
}
