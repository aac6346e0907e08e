import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { replaceFile } from '#shared/files/replace-file.ts'
import type { Worker, WorkerSpec, WorkerState } from '#shared/ports/cluster.ts'
import { codeOf, isMissing } from '#shared/files/error-code.ts'
import { discard, makeWhole } from '#shared/files/trash.ts'
import { containerVerdict, type Verdict } from './container-verdict.ts'
import type { Engine } from './engine.ts'
import { isWorkerName, workerFolder, type Home } from './home.ts'
import { isAlive, parseProcess, type Process } from './processes.ts'

/*
 * What is known about a worker, file by file, in the order they appear:
 *
 *     worker.json  uid and spec
 *     released     it may run, once
 *     now          nothing: the time of this file is when somebody last looked whether another one is new
 *     begun        which process supervises it; whoever makes this file decides whether it begins at all
 *     verdict      why it counts as failed, whatever its exit code; written by us, before its end is recorded
 *     trouble      what the maker of the sandbox had to complain about (unshare)
 *     status       how far it came (bubblewrap)
 *
 * of a container also
 *
 *     container    the engine it is in, and which GPUs it has
 *     stage        how far it has come: pull, create, run; or where it failed
 *     image        what the image is, to the byte
 *     stop         it is not to go on
 *
 * and in the folder `ended`, under its name and uid, exit code, number of OOM kills, and whether the disk was full by then, in
 * the place of blanks that have kept room for them. The times of these files are the times of what they say. All are tiny and local, so they are read and written
 * at once.
 */

export type Stored = { uid: string; spec: WorkerSpec; folder: string; record: string }

export type Container = { engine: Engine; gpus: number[] }

export function createWorker(home: Home, spec: WorkerSpec): void {
  const uid = randomUUID()
  try {
    makeWhole(home, workerFolder(home, spec.name), (draft) => {
      mkdirSync(draft, { mode: 0o700 })
      replaceFile(join(draft, 'worker.json'), JSON.stringify({ uid, spec }))
    })
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) throw error
  }
}

export function readWorker(home: Home, name: string): Stored | undefined {
  const folder = workerFolder(home, name)
  try {
    const { uid, spec } = JSON.parse(readFileSync(join(folder, 'worker.json'), 'utf8'))
    return { uid, spec, folder, record: join(home.ended, `${name}.${uid}`) }
  } catch (error) {
    if (isMissing(error)) return undefined
    throw new Error(`the worker ${name} cannot be read from ${folder}`, { cause: error })
  }
}

export function workerNames(home: Home): string[] {
  return readdirSync(home.workers).filter(isWorkerName)
}

export async function forgetWorker(home: Home, { folder, record }: Stored): Promise<void> {
  // First, because nobody asks for a record whose worker is gone; and nobody looks before the folder is gone too.
  rmSync(record, { force: true })
  await discard(home, folder)
}

/** True for the one caller who may start the program. */
export function markReleased({ folder }: Stored): boolean {
  return makeOnce(join(folder, 'released'), '')
}

/** Keeps a worker that was released from ever beginning; false when it has begun. */
export function giveUp({ folder }: Stored): boolean {
  return makeOnce(join(folder, 'begun'), 'never\n')
}

export function writeContainer({ folder }: Stored, container: Container): void {
  replaceFile(join(folder, 'container'), JSON.stringify(container))
}

/** The container of a worker that has one. */
export function containerOf({ folder }: Stored): Container | undefined {
  const found = read(join(folder, 'container'))
  return found === undefined ? undefined : (JSON.parse(found) as Container)
}

/** Not the name of the worker alone: another one may have it while the engine still removes this container. */
export function containerNameOf({ spec, uid }: Pick<Stored, 'spec' | 'uid'>): string {
  return `${spec.name}-${uid}`
}

/** Keeps a container from going on to the next stage. */
export function markStopped({ folder }: Stored): void {
  makeOnce(join(folder, 'stop'), '')
}

export function writeVerdict({ folder }: Stored, verdict: Verdict): void {
  replaceFile(join(folder, 'verdict'), JSON.stringify(verdict))
}

/** Keeps room for the end of a worker, which may come on a full disk. */
export function reserveRecord({ record }: Stored): void {
  makeOnce(record, `${' '.repeat(30)}\n`)
}

/** Ends a worker for which no supervisor will do it. */
export function recordEnd(worker: Stored, exitCode: number): void {
  if (!isEnded(worker)) writeFileSync(worker.record, `${exitCode} 0\n`, { mode: 0o600 })
}

/** The supervisor, if it is still there. */
export function supervisorOf({ folder }: Stored): Process | undefined {
  const found = parseProcess(read(join(folder, 'begun')) ?? '')
  return found && isAlive(found) ? found : undefined
}

/** Undefined when it was released but nothing shows that it has begun, or will. */
export function stateOf(worker: Stored): WorkerState | undefined {
  const { folder } = worker
  const state = endOf(worker)
  if (state) return state
  if (read(join(folder, 'released')) === undefined) return { phase: 'suspended' }
  const begun = read(join(folder, 'begun'))
  if (begun === undefined) return undefined
  // It is just being written; unless the machine failed at that very moment.
  if (begun === '' && isFresh(join(folder, 'begun'))) return { phase: 'pending' }
  if (containerOf(worker)) return containerState(worker)
  if (supervisorOf(worker)) return { phase: 'running', startedAt: timeOf(join(folder, 'begun')) }
  // Between the two looks it may have ended properly.
  return endOf(worker) ?? vanished(worker)
}

/** Whether its program may run, or begin, with nobody watching over it. */
export function isUnattended(worker: Stored): boolean {
  const begun = join(worker.folder, 'begun')
  const text = read(begun)
  const isBeginning = text === undefined || (text === '' && isFresh(begun))
  return !isBeginning && !supervisorOf(worker) && !isEnded(worker)
}

export function isEnded(worker: Stored): boolean {
  return endOf(worker) !== undefined
}

/** It goes on when nobody watches over it, so what it has reached is what counts. */
function containerState({ folder, spec }: Stored): WorkerState {
  const { stage, image } = reachedBy(folder)
  if (stage === 'run')
    return { phase: 'running', startedAt: timeOf(join(folder, 'stage')), ...(image && { image }) }
  const reason = stage === 'pull' ? `the image ${spec.image} is being fetched` : undefined
  return { phase: 'pending', ...(reason && { reason }) }
}

function reachedBy(folder: string) {
  const [architecture = '', image] = (read(join(folder, 'image')) ?? '').trim().split(' ')
  const stage = (read(join(folder, 'stage')) ?? '').trim()
  return { stage, image, architecture, trouble: read(join(folder, 'trouble')) ?? '' }
}

function vanished(worker: Stored): WorkerState {
  // Why it was to be stopped may have been said before.
  if (read(join(worker.folder, 'verdict')) === undefined)
    writeVerdict(worker, {
      cause: 'machine',
      message:
        'the program vanished: the machine was restarted, or its processes were killed from outside',
    })
  recordEnd(worker, 137)
  return endOf(worker) ?? { phase: 'pending' }
}

function endOf(worker: Stored): WorkerState | undefined {
  const { folder, record } = worker
  const { image } = reachedBy(folder)
  const [, code, kills, full] = /^(\d+) (\d+)( full)?\n/.exec(read(record) ?? '') ?? []
  if (code === undefined) return undefined
  const endedAt = timeOf(record)
  const startedAt = startOf(worker)
  const known = { ...(image && { image }), endedAt }
  const verdict = verdictOf(worker, {
    code: Number(code),
    oomKills: Number(kills),
    wasFull: full !== undefined,
  })
  if (!verdict) return { phase: 'succeeded', startedAt: startedAt ?? endedAt, ...known }
  const { cause, message } = verdict
  const exitCode = verdict.exitCode ?? Number(code)
  return { phase: 'failed', ...(startedAt && { startedAt }), ...known, exitCode, message, cause }
}

function startOf(worker: Stored): Date | undefined {
  const { folder } = worker
  if (containerOf(worker))
    return reachedBy(folder).stage === 'run' ? timeOf(join(folder, 'stage')) : undefined
  const begun = join(folder, 'begun')
  return parseProcess(read(begun) ?? '') && timeOf(begun)
}

type End = { code: number; oomKills: number; wasFull: boolean }

function verdictOf(worker: Stored, { code, oomKills, wasFull }: End): Verdict | undefined {
  const { folder, spec } = worker
  const written = read(join(folder, 'verdict'))
  if (written) return JSON.parse(written)
  if (code === 0) return undefined
  const contained = containerOf(worker)
  const verdict = contained && containerVerdict({ ...reachedBy(folder), image: spec.image })
  if (verdict) return verdict
  if (code === 137 && oomKills > 0)
    return { cause: 'program', message: '(container main) OOMKilled' }
  const trouble = contained ? undefined : troubleOf(folder)
  if (trouble) return { cause: 'machine', message: `the sandbox could not be made: ${trouble}` }
  const more = wasFull ? `: the disk of ${dirname(dirname(folder))} is full` : ''
  return { cause: 'program', message: `(container main) Error${more}` }
}

function troubleOf(folder: string): string | undefined {
  const status = read(join(folder, 'status'))
  // Bubblewrap reports an exit code only of programs it has executed.
  if (status !== undefined) return status.includes('exit-code') ? undefined : 'see the log'
  return read(join(folder, 'trouble'))?.trim().slice(0, 900)
}

function makeOnce(path: string, content: string): boolean {
  try {
    writeFileSync(path, content, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** By the clock that gives files their times, which is not always ours, and may have been set back. */
function isFresh(path: string): boolean {
  const probe = join(dirname(path), 'now')
  writeFileSync(probe, '')
  return Math.abs(timeOf(probe).getTime() - timeOf(path).getTime()) < 5000
}

function timeOf(path: string): Date {
  return statSync(path).mtime
}

export function workerOf(worker: Stored, state: WorkerState): Worker {
  const { name, labels } = worker.spec
  return { name, uid: worker.uid, labels, state }
}
