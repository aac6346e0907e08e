import { refusedVariables } from '#shared/domain/variable.ts'
import type { WorkerSpec } from '#shared/ports/cluster.ts'
import { Refusal } from './refusal.ts'

/** Refuses what no program can be given. */
export function requireNames(spec: WorkerSpec, env: Record<string, string>): void {
  const paths = [...spec.inputs, ...spec.outputs].map((mount) => mount.path)
  const texts = [...spec.entrypoint, ...spec.args, ...paths]
  if (texts.some((text) => text.includes('\0'))) {
    throw new Refusal('plan', 'no argument or path may contain a NUL character')
  }
  const refused = refusedVariables(env)
  if (refused !== undefined) throw new Refusal('plan', refused)
}
