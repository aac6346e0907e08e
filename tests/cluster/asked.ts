import { until } from '#tests/support/until.ts'

/** An answer, however often it has to be asked for: who answers may just be replaced. */
export const asked = <T>(
  ask: () => Promise<T>,
  options?: { patience: number },
): Promise<NonNullable<T>> => until(() => ask().catch(() => undefined), options)
