import type { Engine } from './engine.ts'
import type { Home } from './home.ts'
import { Refusal } from './refusal.ts'
import { containerOf, isEnded, readWorker, workerNames, type Stored } from './worker-folder.ts'

/** The name under which plans ask for GPUs. */
export const GPU = 'nvidia.com/gpu'

/** GPUs that no other worker has: docker itself would give the first one to everybody. */
export function takeGpus({ spec }: Stored, engine: Engine, home: Home): number[] {
  const wanted = spec.limits[GPU] ?? 0
  const taken = new Set(workerNames(home).flatMap((name) => gpusOf(name, home)))
  const free = Array.from({ length: engine.gpus }, (_, index) => index).filter(
    (index) => !taken.has(index),
  )
  if (free.length >= wanted) return free.slice(0, wanted)
  throw new Refusal('machine', `${wanted} GPUs are asked for, and ${free.length} are free`)
}

function gpusOf(name: string, home: Home): number[] {
  const worker = readWorker(home, name)
  return worker && !isEnded(worker) ? (containerOf(worker)?.gpus ?? []) : []
}
