import type { Engine } from '#shared/adapters/local-cluster/engine.ts'
import { engineNames, findEngine } from '#shared/adapters/local-cluster/find-engine.ts'
import type { LocalStart } from '#shared/domain/local-start.ts'
import type { Log } from '#shared/ports/log.ts'
import { CannotStart } from './home.ts'

type Place = Parameters<typeof findEngine>[1]

/** The engine that was asked for, or left to us the first that works; undefined is the sandbox. Throws `CannotStart`. */
export async function chooseEngine(
  wanted: LocalStart['engine'] = 'auto',
  place: Place,
  log: Log,
): Promise<Engine | undefined> {
  if (wanted === 'sandbox') return undefined
  const names = engineNames.filter((name) => wanted === 'auto' || wanted === name)
  for (const name of names) {
    const found = await findEngine(name, place)
    if ('engine' in found) return found.engine
    if (wanted === name)
      throw new CannotStart(
        `${name} cannot be used on this machine: ${found.problem}\nMend that, or leave the choice: --engine auto`,
      )
    log.debug(`${name} is not used`, { error: found.problem })
  }
  return undefined
}
