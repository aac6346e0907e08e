import postgres from 'postgres'

type Options = postgres.Options<Record<string, never>>

// Longer than a connection stays open that nobody uses.
const memory = 120_000

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
    const { reject } = statement
    statement.reject = (error) => {
      onLost(pool, error)
      reject(error)
    }
    return statement
  }

  async function begin<T>(work: (tx: postgres.TransactionSql) => Promise<T>): Promise<unknown> {
    const pool = current
    try {
      return await pool.begin(onlyWhileConnected(work))
    } catch (error) {
      onLost(pool, error)
      throw error
    }
  }

  const end = async (options?: { timeout?: number }): Promise<void> => {
    await Promise.all([current, ...left].map((pool) => pool.end(options)))
  }

  const own = { begin, end } as const
  return new Proxy(current, {
    apply: (_, self, args) => watched(Reflect.apply(current, self, args)),
    get: (_, name) => Reflect.get(name in own ? own : current, name),
  })
}

type Pending = { reject(error: unknown): void }

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
