import { randomUUID } from 'node:crypto'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pack } from '#shared/archive/pack.ts'
import { unpack } from '#shared/archive/unpack.ts'
import { idempotencyHeader } from '#shared/contracts/route.ts'
import { workerSpec } from '#shared/adapters/local-cluster/test-home.ts'
import type { FileList } from '#shared/ports/cluster.ts'
import type { World } from '#shared/runtime/context.ts'
import { beginTestImport } from '#tests/support/imports.ts'
import { makePlan } from '#tests/support/makers.ts'
import { call, deliver, tick } from '#tests/support/functions.ts'
import dataCat from '../../functions/api/data-cat/function.ts'
import dataLs from '../../functions/api/data-ls/function.ts'
import dataPull from '../../functions/api/data-pull/function.ts'
import dataPush from '../../functions/api/data-push/function.ts'
import importsEnd from '../../functions/api/imports-end/function.ts'
import runsLog from '../../functions/api/runs-log/function.ts'
import cleanUp from '../../functions/steps/clean-up/function.ts'
import collectGarbage from '../../functions/steps/collect-garbage/function.ts'
import finishRun from '../../functions/steps/finish-run/function.ts'
import initializeRun from '../../functions/steps/initialize-run/function.ts'
import observeWorker from '../../functions/steps/observe-worker/function.ts'
import startRun from '../../functions/steps/start-run/function.ts'
import sweep from '../../functions/steps/sweep/function.ts'
import { volumeOf, workerOf } from '#shared/domain/worker-spec.ts'
import { until } from '#tests/support/until.ts'
import { legs, told, waitingRun, type Told } from './arrange.ts'
import type { FileHome, FileWorld } from './file-world.ts'
import type { Scenario } from './scenario.ts'

export type FileScenario = Scenario<FileWorld> & {
  /** What the answer says to who asked. */
  heard?(answer: Response, world: FileWorld): Promise<unknown>
}

/**
 * A tree with one of everything that is kept: a large file, a small one, which is a program in a folder, an empty folder, a link;
 * and so many files more.
 */
async function archiveIn({ scratch }: FileHome, more = 0): Promise<Uint8Array<ArrayBuffer>> {
  const tree = scratch()
  mkdirSync(join(tree, 'a'))
  mkdirSync(join(tree, 'empty'))
  writeFileSync(join(tree, 'large'), 'large\n'.repeat(30_000))
  writeFileSync(join(tree, 'a', 'program'), '#!/bin/sh\n', { mode: 0o755 })
  symlinkSync('a/program', join(tree, 'link'))
  for (let number = 1; number <= more; number += 1) writeFileSync(join(tree, `${number}`), '')
  return new Uint8Array(await buffer(pack(tree)))
}

/** A volume, with that in it. */
async function fillVolume({ cluster, transfers, home }: FileWorld, name: string): Promise<void> {
  await cluster.ensureVolume({ name, labels: {} })
  await transfers.receive(name, Readable.from(Buffer.from(await archiveIn(home))))
}

/** What pushes a tree, with so many files more. */
export const pushed = async (world: FileWorld, tag: string, more?: number) => {
  const body = await archiveIn(world.home, more)
  const headers = { 'content-type': 'application/tar+gzip', [idempotencyHeader]: randomUUID() }
  return (world: World) => call(dataPush, world, `/api/data?tag=${tag}`, { body, headers })
}

async function push(world: FileWorld, tag: string, more?: number): Promise<string> {
  const { knitId } = (await (await (await pushed(world, tag, more))(world)).json()) as {
    knitId: string
  }
  return knitId
}

/** What was streamed, to its last byte; a failure of it is one of the answer. */
async function whole(answer: Promise<Response>): Promise<Response> {
  const response = await answer
  if (!response.ok) return response
  const bytes = await new Response(response.body).arrayBuffer().catch(() => undefined)
  return bytes ? new Response(bytes) : new Response(null, { status: 502 })
}

const line = (signal: string): string => `cp -R /in/. /out && echo copied && read -r _ < ${signal}`

type Status = 'waiting' | 'ready' | 'starting' | 'running' | 'completing' | 'done'

const ways: Record<Status, (keyof typeof legs)[]> = {
  waiting: [],
  ready: ['initialize'],
  starting: ['initialize', 'start'],
  running: ['initialize', 'start', 'observe'],
  completing: ['initialize', 'start', 'observe', 'end', 'observe'],
  done: ['initialize', 'start', 'observe', 'end', 'observe', 'finish'],
}

/** Programs begin when they do. */
async function begin(world: FileWorld, run: Told): Promise<void> {
  await until(
    async () =>
      (await world.cluster.findWorker(workerOf({ ...run, id: run.runId })))?.state.phase ===
      'running',
  )
}

/** A run that has come so far; its program copies a tree with so many files more. */
export async function runIn(world: FileWorld, status: Status, more?: number): Promise<Told> {
  await push(world, 'made:up', more)
  const planId = await makePlan(
    world,
    { inputs: { '/in': ['made:up'] }, outputs: { '/out': ['made:here'] }, log: [] },
    { image: 'knit.local/host:1', entrypoint: ['sh', '-c', line(world.home.signal)] },
  )
  const run = await waitingRun(world, planId)
  for (const leg of ways[status]) {
    await legs[leg](world, run)
    if (leg === 'start') await begin(world, run)
  }
  const [row] = await world.sql`select status, reason from run where id = ${run.runId}`
  if (row?.['status'] !== status)
    throw new Error(`the run is ${row?.['status']}, not ${status}: ${row?.['reason']}`)
  world.events.length = 0
  return run
}

/** What of the files of a home each function may do. */
export const fileScenarios: Record<string, FileScenario[]> = {
  'data-push': [
    { of: 'a tree with everything that is kept', arrange: (world) => pushed(world, 'kind:a') },
  ],
  'data-pull': [
    {
      of: 'data, to its last byte',
      async arrange(world) {
        const knitId = await push(world, 'kind:a')
        return (world) => whole(call(dataPull, world, `/api/data/${knitId}`))
      },
      heard: async (answer, { home }) =>
        unpack(Readable.from(Buffer.from(await answer.arrayBuffer())), home.scratch()),
    },
  ],
  'data-ls': [
    {
      of: 'data with everything that is kept',
      async arrange(world) {
        const knitId = await push(world, 'kind:a')
        return (world) => call(dataLs, world, `/api/data/${knitId}/files`)
      },
      heard: async (answer) =>
        ((await answer.json()) as FileList).files.map((file) => ({ ...file, mtime: undefined })),
    },
  ],
  'data-cat': [
    {
      of: 'a file that a link leads to, to its last byte',
      async arrange(world) {
        const knitId = await push(world, 'kind:a')
        return (world) => whole(call(dataCat, world, `/api/data/${knitId}/file?path=link`))
      },
      heard: (answer) => answer.text(),
    },
    {
      of: 'a large file, to its last byte',
      async arrange(world) {
        const knitId = await push(world, 'kind:a')
        return (world) => whole(call(dataCat, world, `/api/data/${knitId}/file?path=large`))
      },
      heard: (answer) => answer.text(),
    },
  ],
  'imports-end': [
    {
      of: 'a volume that an importer has made and filled',
      async arrange(world) {
        const { token: body, knitId } = await beginTestImport(world)
        await fillVolume(world, volumeOf(knitId))
        const headers = { 'content-type': 'application/jwt', [idempotencyHeader]: randomUUID() }
        return (world) => call(importsEnd, world, '/api/backend/data/import/end', { body, headers })
      },
    },
  ],
  'runs-log': [
    {
      of: 'a run that is done',
      async arrange(world) {
        const { runId } = await runIn(world, 'done')
        return (world) => whole(call(runsLog, world, `/api/runs/${runId}/log`))
      },
      heard: (answer) => answer.text(),
    },
    {
      of: 'a run whose program has just ended, followed',
      async arrange(world) {
        const run = await runIn(world, 'running')
        await legs.end(world)
        return (world) => whole(call(runsLog, world, `/api/runs/${run.runId}/log?follow`))
      },
      heard: (answer) => answer.text(),
    },
  ],
  'initialize-run': [
    {
      of: 'a run that waits',
      async arrange(world) {
        const { planId } = await runIn(world, 'waiting')
        return (world) => deliver(initializeRun, world, 'run.waiting', { planId })
      },
    },
  ],
  'start-run': [
    {
      of: 'a run that is ready',
      async arrange(world) {
        const run = await runIn(world, 'ready')
        return (world) => deliver(startRun, world, 'run.ready', told(run))
      },
    },
  ],
  'observe-worker': [
    {
      of: 'a program that runs',
      async arrange(world) {
        const run = await runIn(world, 'starting')
        return (world) => deliver(observeWorker, world, 'run.starting', told(run))
      },
    },
    {
      of: 'a program that has ended',
      async arrange(world) {
        const run = await runIn(world, 'running')
        await legs.end(world)
        return (world) => deliver(observeWorker, world, 'run.starting', told(run))
      },
    },
  ],
  'finish-run': [
    {
      of: 'a run that succeeded',
      async arrange(world) {
        const run = await runIn(world, 'completing')
        return (world) => deliver(finishRun, world, 'run.completing', told(run))
      },
    },
  ],
  'collect-garbage': [
    {
      of: 'a volume with files in it',
      async arrange(world) {
        const name = volumeOf(randomUUID())
        await fillVolume(world, name)
        await world.sql`insert into garbage (volume) values (${name})`
        return (world) => deliver(collectGarbage, world, 'volume.dropped', {})
      },
    },
  ],
  'clean-up': [
    {
      of: 'a volume that was deleted, and made again',
      async arrange(world) {
        const name = volumeOf(randomUUID())
        await world.sql`insert into removed_volume (volume) values (${name})`
        await world.cluster.ensureVolume({ name, labels: {} })
        return (world) => tick(cleanUp, world)
      },
    },
  ],
  sweep: [
    {
      of: 'a worker nobody needs',
      async arrange(world) {
        await world.cluster.ensureWorker(workerSpec())
        return (world) => tick(sweep, world)
      },
    },
  ],
}
