import { onTestFinished, vi } from 'vitest'

/** For tests: the pauses between two tries take no time, but come one after the other. */
export function withoutPauses(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  vi.setTimerTickMode('nextTimerAsync')
  onTestFinished(() => void vi.useRealTimers())
}
