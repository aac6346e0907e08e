import postgres from 'postgres'

type Options = postgres.Options<Record<string, never>>

// Longer than a connection stays open that nobody uses.
const memory = 120_000

/** How much a pool has to do. What is more than it has connections waits for one. */
export class PoolLoad {
  readonly max: number
  /** Statements, and transactions as one, that were begun. */
  calls = 0
  #current = 0
  #waited = 0
  #since = performance.now()

  constructor(max: number) {
    this.max = max
  }

  get used(): number {
    return Math.min(this.#current, this.max)
  }

  get waiting(): number {
    return this.#current - this.used
  }

  /** How long everything has waited, added up: so many for as long as there were so many. */
  get waitedSeconds(): number {
    const now = performance.now()
    this.#waited += (this.waiting * (now - this.#since)) / 1000
    this.#since = now
    return this.#waited
  }

  /** Something needs a connection; it has ended when what is given back is called, for the first time. */
  begin(): () => void {
    this.calls += 1
    this.#change(1)
    let goesOn = true
    return () => {
      if (goesOn) this.#change(-1)
      goesOn = false
    }
  }

  #change(by: 1 | -1): void {
    this.#waited = this.waitedSeconds
    this.#current += by
  }
}

const loads = new WeakMap<postgres.Sql, PoolLoad>()

/** The load of a pool; undefined for what is none of ours. */
export const loadOf = (sql: postgres.Sql): PoolLoad | undefined => loads.get(sql)

/**
 * A pool that goes on when its server was away. The driver uses a connection that broke a second time, together with what was
 * left on it: the next statement then fails with the error of the old line, or waits for ever. So when a statement has lost its
 * line, its pool is left to those that wait there, and a new one takes its place before anybody hears of it.
 */
export function lastingPool(
  open: (hooks: Pick<Options, 'onparameter'>) => postgres.Sql,
): postgres.Sql {
  const left = new Set<postgres.Sql>()
  const connected = new WeakSet<postgres.Sql>()
  let current = openNext()
  const load = new PoolLoad(current.options.max)

  function openNext(): postgres.Sql {
    // A server says its parameters as soon as it is connected.
    const pool = open({ onparameter: () => connected.add(pool) })
    return pool
  }

  function onLost(pool: postgres.Sql, error: unknown): void {
    // On a connection that was never made, nothing is left.
    if (pool !== current || !isLineLost(error) || !connected.has(pool)) return
    left.add(pool)
    setTimeout(() => left.delete(pool), memory).unref()
    current = openNext()
  }

  /** A statement that is not sent before somebody waits for it, and must not be sent by watching it. */
  function watched<T>(statement: T): T {
    const pool = current
    if (!isPending(statement)) return statement
    const { handler } = statement
    statement.handler = (query) => {
      // Not before it is sent: until then somebody else may have put others in their place.
      const { resolve, reject } = statement
      const end = load.begin()
      statement.resolve = (result) => {
        end()
        resolve(result)
      }
      statement.reject = (error) => {
        end()
        onLost(pool, error)
        reject(error)
      }
      handler(query)
    }
    return statement
  }

  async function begin<T>(work: (tx: postgres.TransactionSql) => Promise<T>): Promise<unknown> {
    const pool = current
    const end = load.begin()
    try {
      return await pool.begin(onlyWhileConnected(work))
    } catch (error) {
      onLost(pool, error)
      throw error
    } finally {
      end()
    }
  }

  const end = async (options?: { timeout?: number }): Promise<void> => {
    await Promise.all([current, ...left].map((pool) => pool.end(options)))
  }

  const own = { begin, end } as const
  const sql = new Proxy(current, {
    apply: (_, self, args) => watched(Reflect.apply(current, self, args)),
    get: (_, name) => Reflect.get(name in own ? own : current, name),
  })
  loads.set(sql, load)
  return sql
}

/** A statement of the driver: it gives itself to the pool when somebody waits for it, and is told how that ended. */
type Pending = {
  handler(query: unknown): void
  resolve(result: unknown): void
  reject(error: unknown): void
}

const isPending = (value: unknown): value is Pending =>
  value instanceof Promise && 'reject' in value

/**
 * The driver answers every failure with a rollback, on a line that is gone too, where that ends the process. Work that lost its
 * line therefore never comes to an end: the driver rejects the transaction by itself as the line closes.
 */
const onlyWhileConnected =
  <T>(work: (tx: postgres.TransactionSql) => Promise<T>) =>
  async (tx: postgres.TransactionSql): Promise<T> => {
    try {
      return await work(tx)
    } catch (error) {
      if (isLineLost(error)) return new Promise(() => {})
      throw error
    }
  }

/** Not a pool that was ended: that closes its lines itself, and each statement is told so. */
const isLineLost = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  (error.code === 'CONNECTION_CLOSED' || ('syscall' in error && !('path' in error)))
