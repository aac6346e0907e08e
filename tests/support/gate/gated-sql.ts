import type { Sql, Tx } from '#shared/database/sql.ts'
import type { Call, Gate, Line } from './gate.ts'

/** What of the driver asks nothing of a server. */
const harmless = new Set(['json', 'array', 'typed', 'types', 'options', 'parameters'])

/** What is asked in the place of a statement; each `…` of it is a parameter, or a piece with statements of its own. */
export type Reword = (statement: string) => string

const asIs: Reword = (statement) => statement

/**
 * The database behind a gate: every statement, the beginning and the end of every transaction pass it one by one, also those that
 * are sent without waiting for the one before. A fault of the gate breaks the transaction it happens in, as a server's would.
 */
export function gatedSql(sql: Sql, gate: Gate, reword = asIs): Sql {
  return new Proxy(sql, {
    apply: (_, self, args) => gated(Reflect.apply(sql, self, reworded(args, reword)), gate),
    get: (_, name) => (name === 'begin' ? beginBehind(sql, gate, reword) : harmlessPart(sql, name)),
  })
}

function gatedTx(tx: Tx, gate: Gate, reword: Reword, line: Line): Tx {
  return new Proxy(tx, {
    apply: (_, self, args) => gated(Reflect.apply(tx, self, reworded(args, reword)), gate, line),
    get: (_, name) => harmlessPart(tx, name),
  })
}

/** The arguments of a tagged template, with other words between the same parameters. */
function reworded([strings, ...parameters]: unknown[], reword: Reword): unknown[] {
  if (!Array.isArray(strings) || !('raw' in strings)) return [strings, ...parameters]
  const statement = strings.join('…')
  const other = reword(statement)
  if (other === statement) return [strings, ...parameters]
  const parts = other.split('…')
  if (parts.length !== strings.length) throw new Error(`parameters are missing in: ${other}`)
  return [Object.assign(parts, { raw: parts }), ...parameters]
}

function harmlessPart(sql: Sql | Tx, name: string | symbol): unknown {
  const part: unknown = Reflect.get(sql, name)
  if (typeof part === 'function' && !harmless.has(String(name)))
    throw new Error(`the gate does not know sql.${String(name)}: add it to gated-sql.ts`)
  return part
}

/** A statement as the driver has it: what is not handed to `handler` is never sent. */
type Statement = Promise<unknown> & {
  strings: readonly string[]
  active: boolean
  state: { pid: number } | null
  handler(statement: Statement): void
  resolve(result: unknown): void
  reject(error: unknown): void
}

/** Of what the driver makes, statements pass the gate once somebody waits for them; pieces of statements never get there. */
function gated<T>(made: T, gate: Gate, transaction?: Line): T {
  if (!isStatement(made)) return made
  const { handler, resolve, reject } = made
  made.handler = (statement) => {
    const what = inShort(statement.strings)
    const inTransaction = transaction !== undefined
    const pid = () => statement.state?.pid
    const call: Call = { port: 'sql', what, line: transaction ?? {}, inTransaction, pid }
    const sent = async (): Promise<unknown> => {
      const answer = Promise.withResolvers<unknown>()
      const heard = (tell: (value: unknown) => void) => (value: unknown) => {
        statement.active = false
        tell(value)
      }
      statement.resolve = heard(answer.resolve)
      statement.reject = heard(answer.reject)
      handler(statement)
      return answer.promise
    }
    void onLine(gate, call, sent).then(resolve, reject)
  }
  return made
}

const isStatement = (made: unknown): made is Statement =>
  made instanceof Promise && 'handler' in made && 'strings' in made

const inShort = (strings: readonly string[]): string =>
  strings.join('…').replace(/\s+/g, ' ').trim().slice(0, 120)

/** A fault breaks the line, and what comes later on a broken line is refused. */
async function onLine<T>(gate: Gate, call: Call, make: () => Promise<T>): Promise<T> {
  const { line } = call
  if (line.broken) throw line.broken
  try {
    return await gate(call, async () => {
      if (line.broken) throw line.broken
      return make()
    })
  } catch (error) {
    line.broken ??= error
    throw error
  }
}

function beginBehind(sql: Sql, gate: Gate, reword: Reword) {
  return async <T>(work: (tx: Tx) => Promise<T>): Promise<T> => {
    const line: Line = {}
    const call = (what: string): Call => ({ port: 'sql', what, line, inTransaction: true })
    const held = holdOpen(sql)
    try {
      const tx = await onLine(gate, call('begin'), held.begin)
      const result = await work(gatedTx(tx, gate, reword, line))
      await onLine(gate, call('commit'), held.commit)
      return result
    } catch (error) {
      if (held.isOpen())
        await gate({ ...call('rollback'), isRollback: true }, () => held.rollback(error))
      throw error
    }
  }
}

/** A transaction of the driver, whose beginning and end are calls of their own. */
function holdOpen(sql: Sql) {
  const end = Promise.withResolvers<void>()
  let over: Promise<unknown> | undefined
  let isOpen = false
  return {
    isOpen: () => isOpen,
    begin(): Promise<Tx> {
      const begun = Promise.withResolvers<Tx>()
      isOpen = true
      over = sql.begin((tx) => {
        begun.resolve(tx)
        return end.promise
      })
      over.catch(begun.reject)
      return begun.promise
    },
    async commit(): Promise<void> {
      isOpen = false
      end.resolve()
      await over
    },
    async rollback(reason: unknown): Promise<void> {
      isOpen = false
      end.reject(reason)
      await over?.catch(() => {})
    },
  }
}
