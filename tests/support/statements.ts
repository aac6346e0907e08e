/** A statement as it was sent, with its parameters, and who sent it. */
export type Statement = { text: string; parameters: unknown[]; by: string }

/** Sees what goes through a pool, which is opened with `debug`. */
export type Observer = {
  debug(connection: number, text: string, parameters: unknown[]): void
  /** What is sent while `work` goes on; one at a time. */
  during<T>(by: string, work: () => Promise<T>): Promise<T>
  seen: Statement[]
}

export function observer(): Observer {
  const seen: Statement[] = []
  let current: string | undefined
  return {
    seen,
    debug: (_connection, text, parameters) => {
      if (current !== undefined) seen.push({ text, parameters, by: current })
    },
    async during(by, work) {
      current = by
      try {
        return await work()
      } finally {
        current = undefined
      }
    },
  }
}
