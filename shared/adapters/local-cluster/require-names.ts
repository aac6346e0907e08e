import type { WorkerSpec } from '#shared/ports/cluster.ts'
import { Refusal } from './refusal.ts'

/** Refuses what no program can be given. */
export function requireNames(spec: WorkerSpec, env: Record<string, string>): void {
  const paths = [...spec.inputs, ...spec.outputs].map((mount) => mount.path)
  const texts = [...spec.entrypoint, ...spec.args, ...paths, ...Object.entries(env).flat()]
  if (texts.some((text) => text.includes('\0'))) {
    throw new Refusal('plan', 'no argument, variable or path may contain a NUL character')
  }
  const bad = Object.keys(env).find((name) => name === '' || name.includes('='))
  if (bad !== undefined)
    throw new Refusal('plan', `${JSON.stringify(bad)} cannot be the name of a variable`)
}
