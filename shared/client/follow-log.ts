import { runs } from '#shared/contracts/runs.ts'
import { ApiError } from './api-error.ts'
import type { Api } from './api.ts'
import { resumed, SentAnother, type Opened } from './resumed.ts'
import { pause, type Patience } from './retry.ts'
import type { Transfers } from './transfers.ts'

const askedEvery = 2000

type Options = Patience & {
  /** Told once, when the run has not begun yet: why. */
  onNotYet?: (why: string) => void
  /** Told when the run has begun once more, and its log with it. */
  onAnew?: () => void
}

/** The log of a run from its first byte until its program ends, each byte once: a run that has not begun is waited for, a line that breaks is replaced. */
export async function* followLog(
  { log, call }: Api & Transfers,
  runId: string,
  { signal, onAway, onNotYet, onAnew }: Options = {},
): AsyncGenerator<Buffer> {
  for (;;) {
    try {
      return yield* resumed(begun, { signal, onAway, endless: true })
    } catch (error) {
      if (!(error instanceof SentAnother)) throw error
      onAnew?.()
    }
  }

  async function begun(): Promise<Opened> {
    for (let told = false; ; told = true) {
      try {
        return { pieces: await log(runId, { follow: true, signal }), from: 0 }
      } catch (error) {
        const why = await whyNotYet(error)
        if (why === undefined) throw error
        if (!told) onNotYet?.(why)
        await pause(askedEvery, signal)
      }
    }
  }

  /** Undefined when there is another reason that there is no log. */
  async function whyNotYet(error: unknown): Promise<string | undefined> {
    if (!(error instanceof ApiError)) return undefined
    const { status, code, message } = error
    // Servers that say no code have no other reason for a 503 of a log, and fail to follow a program that is just being started.
    if (status === 503 && (code ?? 'not-yet') === 'not-yet') return message
    if (status !== 500 || code !== undefined) return undefined
    const run = await call(runs.show, { runId }, { signal })
    return run.status === 'starting' ? 'its program is being started' : undefined
  }
}
