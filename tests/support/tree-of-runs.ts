import type { Sql } from '#shared/database/sql.ts'

/** Where the data, and the runs, of each tree are: their ids are made of its size and a number. */
export const treeId = (kind: 'data' | 'run', size: number, n: number): string =>
  `${kind === 'data' ? 'd' : 'e'}${String(size).padStart(7, '0')}-0000-7000-8000-${String(n).padStart(12, '0')}`

/** So many data and runs: each run reads one data and writes one, and each data is read by two runs. The first is the root. */
export async function addTree(sql: Sql, size: number): Promise<void> {
  const runs = size / 2
  const ids = (kind: 'data' | 'run', number: string) =>
    `(left('${treeId(kind, size, 0)}', 24) || lpad((${number})::text, 12, '0'))::uuid`
  const text = `
    set session_replication_role = replica;
    with made as (
      insert into plan (image, image_tag, hash) values ('example.test/tree', '${size}', sha256('${size}')) returning id
    )
    insert into input (plan_id, position, path, knit_id) select id, 0, '/in', gen_random_uuid() from made;
    insert into output (plan_id, position, path)
    select id, 0, '/out' from plan where image_tag = '${size}';
    insert into run (id, plan_id, status)
    select ${ids('run', 'i')}, plan.id, 'done' from plan, generate_series(1, ${runs}) as i where image_tag = '${size}';
    insert into data (id, plan_id, run_id, output_id, ready, ended_at)
    select ${ids('data', 'i')}, plan_id, ${ids('run', 'i')}, output.id, true, now()
      from output join plan on plan.id = plan_id, generate_series(1, ${runs}) as i
     where image_tag = '${size}';
    insert into assign (run_id, plan_id, input_id, knit_id)
    select ${ids('run', 'i')}, plan_id, input.id, ${ids('data', 'i / 2')}
      from input join plan on plan.id = plan_id, generate_series(2, ${runs}) as i
     where image_tag = '${size}';
    set session_replication_role = origin`
  const connection = await sql.reserve()
  await connection.unsafe(text).simple()
  connection.release()
}
