import type { Sql } from '#shared/database/sql.ts'
import type { Sight } from './wishes.ts'

/** What users see, in an order that is the same again. */
export async function lookAround(sql: Sql): Promise<Sight> {
  const [data, plans, runs] = await Promise.all([
    sql<Sight['data']>`
      select id, array(select key || ':' || value from tag where tag.id = any (tags) order by 1) as tags
        from data
       order by id`,
    sql<Sight['plans']>`select id from plan where name is null order by id`,
    sql<Sight['runs']>`select id, status from run order by id`,
  ])
  return { data: [...data], plans: [...plans], runs: [...runs] }
}
