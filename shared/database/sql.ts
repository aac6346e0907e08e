import postgres from 'postgres'
import { arrayTypes } from './array-types.ts'
import { lastingPool } from './pool.ts'

/** The pool of connections. Statements run one by one, each in a transaction of its own. */
export type Sql = postgres.Sql
/** A transaction: everything through it commits or vanishes together. */
export type Tx = postgres.TransactionSql
/** Either: for questions that may be asked inside a transaction or outside. */
export type Queryable = Sql | Tx
/** A piece of a statement. */
export type Fragment = postgres.PendingQuery<postgres.Row[]>

export type SqlOptions = postgres.Options<Record<string, postgres.PostgresType>>

/** What is to be the URL of a database is none. */
export class BadDatabaseUrl extends Error {
  override readonly name = 'BadDatabaseUrl'

  constructor() {
    super(
      'not a URL: write postgres://USER:PASSWORD@HOST/DATABASE, and what is neither letter nor digit in user or password percent-encoded',
    )
  }
}

/** Opens a pool. Connections are made when needed and closed when idle. Throws `BadDatabaseUrl`. */
export function connect(url: string, options: SqlOptions = {}): Sql {
  return lastingPool((hooks) =>
    open(url, {
      max: 10,
      idle_timeout: 60,
      connect_timeout: 10,
      backoff: reconnectDelay,
      onnotice: () => {},
      fetch_types: false,
      types: arrayTypes,
      ...hooks,
      ...options,
      connection: {
        application_name: 'knitfab',
        TimeZone: 'UTC',
        ...attended,
        ...options.connection,
      },
    }),
  )
}

// A process that stands still in the middle of a transaction, or is cut off there, keeps from others what it holds only as long as
// a claim lasts unless set. In milliseconds, or seconds as the name begins with tcp_keepalives.
const attended = {
  idle_in_transaction_session_timeout: 30_000,
  tcp_user_timeout: 30_000,
  tcp_keepalives_idle: 15,
  tcp_keepalives_interval: 5,
  tcp_keepalives_count: 3,
}

/** What is thrown for a URL that is none has all of it with it, which would be printed, and a password is in that. */
function open(url: string, options: SqlOptions): Sql {
  try {
    return postgres(url, options)
  } catch (error) {
    const isOfUrl = error instanceof URIError || error instanceof TypeError
    throw isOfUrl ? new BadDatabaseUrl() : error
  }
}

/**
 * Seconds from a connection that failed to the next: few at first, for a server that is only started again, then not so few that all
 * who wait for one that is away are kept busy by it. By itself the driver waits up to 20 s after the server is back.
 */
export const reconnectDelay = (failures: number): number => Math.min(0.1 * 2 ** failures, 2)

const serializationFailure = '40001'
const deadlock = '40P01'
const attempts = 4

export type TransactionOptions = {
  /**
   * False when the commit need not wait for the disk: for what is simply done again should a failing server lose it, because
   * the row that asked for it would be back too.
   */
  durable?: boolean
}

/**
 * Runs `work` in one transaction. A serialization failure or deadlock is tried again, three times, so `work` must touch
 * nothing but the transaction. Inside of a transaction `work` is a part of that one.
 */
export function begin<T>(
  sql: Queryable,
  work: (tx: Tx) => Promise<T>,
  { durable = true }: TransactionOptions = {},
): Promise<T> {
  if (isTransaction(sql)) return work(sql)
  const relaxed = async (tx: Tx) => (await Promise.all([work(tx), relax(tx)]))[0]
  return persistently(() => sql.begin(durable ? work : relaxed) as Promise<T>)
}

/** What `work` makes of a transaction that is then taken back. */
export async function undone<T>(sql: Sql, work: (tx: Tx) => Promise<T>): Promise<T> {
  const [takenBack, made] = [new Error('taken back, as it should be'), Promise.withResolvers<T>()]
  try {
    await begin(sql, async (tx) => {
      made.resolve(await work(tx))
      throw takenBack
    })
  } catch (error) {
    if (error !== takenBack) throw error
  }
  return made.promise
}

const isTransaction = (sql: Queryable): sql is Tx => !('begin' in sql)

/** Runs a statement by itself, which is a transaction too, with the same persistence. */
export async function persistently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      const state = sqlState(error)
      if (attempt === attempts || (state !== serializationFailure && state !== deadlock))
        throw error
    }
  }
}

/** The setting of a transaction whose commit does not wait for the disk; a statement by itself must read from it. */
export const relax = (sql: Queryable): Fragment =>
  sql`select set_config('synchronous_commit', 'off', true)`

/** The five-character code of a PostgreSQL error; undefined for other errors. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof postgres.PostgresError ? error.code : undefined
}

// The longest that Postgres can be told.
const longest = 2 ** 31 - 1

const milliseconds = (seconds: number): number => Math.min(Math.ceil(seconds * 1000), longest)

/** Of a pool for those who only read: a statement that takes longer than so many seconds is given up. */
export const readingFor = (seconds: number): SqlOptions => ({
  connection: { statement_timeout: milliseconds(seconds) },
})

/** Of a pool for those who change something: a statement that waits longer than so many seconds for what others hold is given up. */
export const waitingFor = (seconds: number): SqlOptions => ({
  connection: { lock_timeout: milliseconds(seconds) },
})

/** True when the server gave a statement up: it took too long, or an operator stopped it. */
export const isGivenUp = (error: unknown): boolean => sqlState(error) === '57014'

/** True when others held what a statement needs for longer than it may wait. */
export const isHeld = (error: unknown): boolean => sqlState(error) === '55P03'

/** True when the database is away, full, out of connections or read-only: what a caller may try again later. */
export function isUnavailable(error: unknown): boolean {
  const state = sqlState(error)
  // Classes 08 connection, 53 resources, 57P operator intervention, 58 system; 25006 read-only; 25P03 silent in a transaction.
  if (state) return /^(08|53|57P|58|25006|25P03)/.test(state)
  if (!(error instanceof Error) || !('code' in error)) return false
  const code = String(error.code)
  return (
    code.startsWith('CONNECT') || (code.startsWith('E') && 'syscall' in error && !('path' in error))
  )
}

/** Text from outside as a column can hold it, cut where it is too long: PostgreSQL takes no NUL, and Unicode only if well-formed. */
export const storable = (text: string, longest = 1024): string =>
  text.slice(0, longest).replaceAll('\0', '\ufffd').toWellFormed()
