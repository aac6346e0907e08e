import { setTimeout as pause } from 'node:timers/promises'
import { volumeFolder } from '#shared/adapters/folder-volumes.ts'
import { call, type Engine } from './engine.ts'
import type { Home } from './home.ts'
import { labelOf } from './launch-in-container.ts'
import { killGroup } from './processes.ts'
import {
  containerNameOf,
  isEnded,
  markStopped,
  readWorker,
  recordEnd,
  supervisorOf,
  workerNames,
  type Container,
  type Stored,
} from './worker-folder.ts'

type Means = { home: Home; env: NodeJS.ProcessEnv; grace: number }

// An engine may hang, on a file system that does not answer for example.
const PATIENCE = 60_000

/** Asks the program of a container to end, lets the engine kill it after the grace, and waits until its end is recorded. */
export async function endContainer(
  worker: Stored,
  { engine }: Container,
  { home, env, grace }: Means,
): Promise<void> {
  markStopped(worker)
  const latest = performance.now() + grace + PATIENCE
  const words = ['stop', `--time=${Math.ceil(grace / 1000)}`, containerNameOf(worker)]
  while (!isEnded(worker)) {
    // There is none yet while its image is pulled.
    const { ok } = await call(engine.words, words, { env, deadline: grace + PATIENCE })
    if (!ok || performance.now() > latest) return removeContainer(worker, engine, { home, env })
    await recorded(worker)
  }
}

/** Lets go of a container: whatever the engine makes of it, nobody waits for it, and what is left is a stray. */
export function abandonContainer(
  worker: Stored,
  { engine }: Container,
  { env }: Pick<Means, 'env'>,
): void {
  const supervisor = supervisorOf(worker)
  if (supervisor) killGroup(supervisor)
  void call(engine.words, ['rm', '--force', containerNameOf(worker)], { env, deadline: PATIENCE })
}

/** Removes what containers of this home are left of workers that are gone. */
export async function removeStrays(
  engine: Engine,
  { home, env }: Pick<Means, 'home' | 'env'>,
): Promise<void> {
  const filter = [`--filter=label=${labelOf(home)}`, '--format={{.Names}}']
  const { output } = await call(engine.words, ['ps', '--all', ...filter], { env })
  const workers = workerNames(home).map((name) => readWorker(home, name))
  const known = new Set(workers.map((worker) => worker && containerNameOf(worker)))
  const strays = output.split('\n').filter((name) => name !== '' && !known.has(name))
  if (strays.length > 0) await call(engine.words, ['rm', '--force', ...strays], { env })
}

/** For a container that the engine does not end, or does not have yet. */
async function removeContainer(
  worker: Stored,
  { words, reclaim }: Engine,
  { home, env }: Pick<Means, 'home' | 'env'>,
): Promise<void> {
  const supervisor = supervisorOf(worker)
  if (supervisor) killGroup(supervisor)
  await call(words, ['rm', '--force', containerNameOf(worker)], { env, deadline: PATIENCE })
  for (const { volume } of reclaim.length > 0 ? worker.spec.outputs : [])
    await call(reclaim, [volumeFolder(home, volume)], { env, deadline: PATIENCE })
  recordEnd(worker, 137)
}

async function recorded(worker: Stored): Promise<void> {
  for (let looks = 0; looks < 50 && !isEnded(worker); looks += 1) await pause(20)
}
