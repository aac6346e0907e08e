import { begin, type Sql, type Tx } from '#shared/database/sql.ts'

/**
 * What the reference implementation asks its database again and again while it has nothing to do: six loops, each with a
 * transaction that picks the next thing to serve, and a pause of so many seconds after it found nothing. Restated over our
 * tables, whose indexes hold only what is still to be done: in its favour.
 */
const polls: { name: string; pause: number; pick(tx: Tx): Promise<unknown> }[] = [
  {
    name: 'projection',
    pause: 5,
    pick: (tx) => tx`
      select id
        from plan
       where image is not null
         and id in (select plan_id from nomination where due)
       limit 1
         for update skip locked`,
  },
  { name: 'initialize', pause: 5, pick: (tx) => nextRun(tx, ['waiting']) },
  { name: 'run management', pause: 5, pick: (tx) => nextRun(tx, ['ready', 'starting', 'running']) },
  { name: 'finishing', pause: 5, pick: (tx) => nextRun(tx, ['completing', 'aborting']) },
  {
    name: 'garbage collection',
    pause: 30,
    pick: (tx) => tx`select volume from garbage limit 1 for update skip locked`,
  },
  {
    name: 'housekeeping',
    pause: 5,
    pick: (tx) => tx`
      select id
        from agent
       where lease_until < now()
       order by id <= ${start}, id
       limit 1
         for update skip locked`,
  },
]

const start = '00000000-0000-0000-0000-000000000000'

/** The next one behind the last one, and around. */
const nextRun = (tx: Tx, statuses: readonly string[]): Promise<unknown> => tx`
  select run.id
    from run
    join plan on plan.id = plan_id and plan.image is not null
   where status = any (${[...statuses]}::text[])
     and due_at <= now()
   order by run.id <= ${start}, run.id
   limit 1
     for no key update of run skip locked`

/** Starts the six loops; they end soon after the signal. Rejects when one finds something. */
export function pollForEver(sql: Sql, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timers = polls.map(({ name, pause, pick }) => {
    const look = () =>
      void begin(sql, pick)
        .then((found) => {
          if ((found as unknown[]).length > 0) throw new Error(`${name} found something to do`)
        })
        .catch(reject)
    look()
    return setInterval(look, pause * 1000)
  })
  signal.addEventListener('abort', () => {
    for (const timer of timers) clearInterval(timer)
    resolve()
  })
  return promise
}
