import postgres from 'postgres'
import type { Call, Gate } from '#tests/support/gate/gate.ts'

/** Before its end a transaction is taken back with its line, whatever of it was made and however it broke. */
const isMidway = ({ inTransaction, what }: Call): boolean =>
  inTransaction === true && what !== 'begin' && what !== 'commit'

/**
 * What may happen to one call of a function: its process dies before it is made, the line breaks before or after it is made, or
 * the database refuses it, because its disk is full or because of others.
 */
export const faults = {
  killed: (call) => !isMidway(call),
  cut: () => true,
  lost: (call) => !isMidway(call),
  full: (call) => call.port === 'sql' && !isMidway(call),
  conflict: (call) => call.port === 'sql',
} satisfies Record<string, (call: Call) => boolean>
export type Fault = keyof typeof faults

/** Which faults may happen to a call. */
export const faultsOf = (call: Call): Fault[] =>
  (Object.keys(faults) as Fault[]).filter((fault) => faults[fault](call))

/** Lets everything pass and remembers it. */
export function recordingGate(): { gate: Gate; calls: Call[] } {
  const calls: Call[] = []
  const gate: Gate = (call, make) => {
    if (!call.isRollback) calls.push(call)
    return make()
  }
  return { gate, calls }
}

/** Lets everything pass but for one fault, at the call of that number. */
export function faultyGate(at: number, fault: Fault): { gate: Gate; hasHappened(): boolean } {
  let passed = 0
  const gate: Gate = async (call, make) => {
    // A server takes back what was not committed, whatever became of its client.
    if (call.isRollback) return make()
    passed += 1
    if (fault === 'killed' && passed >= at) throw new Error('the process has died')
    if (passed !== at) return make()
    if (fault === 'lost') await make()
    throw errorOf(fault, call)
  }
  return { gate, hasHappened: () => passed >= at }
}

function errorOf(fault: Fault, { port }: Call): Error {
  if (fault === 'full') return refusal('53100', 'could not extend file: No space left on device')
  if (fault === 'conflict') return refusal('40001', 'could not serialize access')
  return port === 'sql'
    ? Object.assign(new Error('write CONNECTION_DESTROYED'), { code: 'CONNECTION_DESTROYED' })
    : Object.assign(new Error('read ETIMEDOUT'), { code: 'ETIMEDOUT', syscall: 'read' })
}

function refusal(code: string, message: string): Error {
  // The driver makes it of what the server sent, which its types do not say.
  const Refusal = postgres.PostgresError as unknown as new (sent: object) => Error
  return new Refusal({ severity: 'ERROR', code, message })
}
