import { randomUUID } from 'node:crypto'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { beginImport } from '#shared/database/imports.ts'
import { begin } from '#shared/database/sql.ts'
import { signImport } from '#shared/runtime/import-token.ts'
import type { TestWorld } from './functions.ts'
import { measured } from './runs.ts'

/** An import that was begun, and whose volume is there; gives back its token. */
export async function makeImport(
  { sql, config, cluster }: Pick<TestWorld, 'sql' | 'config' | 'cluster'>,
  { hasVolume = true } = {},
): Promise<string> {
  const begun = await begin(sql, (tx) => beginImport(tx, 1800, { actor: 'test' }))
  if (hasVolume) cluster.volumes.set(volumeOf(begun.knitId), measured)
  return signImport({ jti: randomUUID(), ...begun }, config)
}
