import { randomUUID } from 'node:crypto'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { beginImport } from '#shared/database/imports.ts'
import { begin } from '#shared/database/sql.ts'
import { signImport } from '#shared/runtime/import-token.ts'
import type { TestWorld } from './functions.ts'
import { measured } from './runs.ts'

/** An import that was begun, whose volume its importer has still to make; gives back its token, and which data it will be. */
export async function beginTestImport({
  sql,
  config,
}: Pick<TestWorld, 'sql' | 'config'>): Promise<{ token: string; knitId: string }> {
  const begun = await begin(sql, (tx) => beginImport(tx, 1800, { actor: 'test' }))
  const token = await signImport({ jti: randomUUID(), ...begun }, config)
  return { token, knitId: begun.knitId }
}

/** An import that was begun, and whose volume is there; gives back its token. */
export async function makeImport(
  world: Pick<TestWorld, 'sql' | 'config' | 'cluster'>,
  { hasVolume = true } = {},
): Promise<string> {
  const { token, knitId } = await beginTestImport(world)
  if (hasVolume) world.cluster.volumes.set(volumeOf(knitId), measured)
  return token
}
