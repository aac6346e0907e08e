import { ApiError } from './api-error.ts'
import { resumed, SentAnother, type Opened } from './resumed.ts'
import { pause, type Patience } from './retry.ts'
import type { Transfers } from './transfers.ts'

const askedEvery = 2000

type Options = Patience & {
  /** Told once, when the run has not begun yet. */
  onNotYet?: (error: ApiError) => void
  /** Told when the run has begun once more, and its log with it. */
  onAnew?: () => void
}

/** The log of a run from its first byte until its program ends, each byte once: a run that has not begun is waited for, a line that breaks is replaced. */
export async function* followLog(
  { log }: Transfers,
  runId: string,
  { signal, onAway, onNotYet, onAnew }: Options = {},
): AsyncGenerator<Buffer> {
  for (;;) {
    try {
      return yield* resumed(begun, { signal, onAway })
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
        if (!isNotYet(error)) throw error
        if (!told) onNotYet?.(error)
        await pause(askedEvery, signal)
      }
    }
  }
}

/** Servers that say no code have no other reason for a 503 of a log. */
const isNotYet = (error: unknown): error is ApiError =>
  error instanceof ApiError && error.status === 503 && (error.code ?? 'not-yet') === 'not-yet'
