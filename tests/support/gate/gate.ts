/** A call from a function to the world outside of it. */
export type Call = {
  port: 'sql' | 'cluster' | 'transfers' | 'bus' | 'hooks'
  /** What is asked, in words for people. */
  what: string
  /** Calls on one line, which is a transaction or a call by itself, are made one after another. */
  line: Line
  inTransaction?: boolean
  /** The server's process that a statement is being asked of. */
  pid?: () => number | undefined
  /** Gives up what a transaction has done so far; nobody can keep a server from that. */
  isRollback?: true
}

export type Line = {
  /** Why nothing more can be asked on this line. */
  broken?: unknown
}

/**
 * Everything a function asks of the world passes here. A gate decides when `make` is called, if ever, and whether the caller
 * hears what came of it.
 */
export type Gate = <T>(call: Call, make: () => Promise<T>) => Promise<T>

/** A port whose calls pass a gate. What it promises to do by streams is done outside. */
export function gatedPort<P extends object>(name: Call['port'], port: P, gate: Gate): P {
  return new Proxy(port, {
    get(_, method) {
      const made: unknown = Reflect.get(port, method)
      if (typeof made !== 'function') return made
      return (...args: unknown[]) =>
        gate({ port: name, what: [method, ...args.map(nameOf)].join(' '), line: {} }, async () =>
          Reflect.apply(made, port, args),
        )
    },
  })
}

function nameOf(argument: unknown): string {
  if (typeof argument === 'string') return argument
  const { name } = (argument ?? {}) as { name?: unknown }
  return typeof name === 'string' ? name : ''
}
