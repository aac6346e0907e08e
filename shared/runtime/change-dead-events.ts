import { Problem } from '#shared/contracts/problems.ts'
import { isId } from '#shared/domain/ids.ts'

/** Does something with dead events, all of them or none; gives back how many. `change` says which it found. */
export async function changeDeadEvents(
  eventIds: readonly string[],
  done: string,
  change: (ids: readonly string[]) => Promise<ReadonlySet<string>>,
): Promise<number> {
  const ids = [...new Set(eventIds)]
  const found = await change(ids.filter(isId))
  const missing = ids.filter((id) => !found.has(id))
  if (missing.length > 0)
    throw new Problem(
      'event-not-found',
      `No dead event has the id ${missing.join(', ')}; nothing was ${done}.`,
    )
  return found.size
}
