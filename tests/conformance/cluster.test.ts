import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test as base } from 'vitest'
import type { Engine } from '#shared/adapters/local-cluster/engine.ts'
import { localCluster } from '#shared/adapters/local-cluster/local-cluster.ts'
import { pack } from '#shared/archive/pack.ts'
import { unpack } from '#shared/archive/unpack.ts'
import {
  allVolumesOf,
  type Cluster,
  type Transfers,
  type WorkerSpec,
  type WorkerState,
} from '#shared/ports/cluster.ts'
import {
  isClusterSuite,
  kubernetesHere,
  openNamespace,
  type TestKubernetes,
} from '#tests/support/kubernetes.ts'
import { enginesHere, makeImage, type MadeImage } from '#tests/support/engines.ts'
import { until } from '#tests/support/until.ts'
import { workerThat } from '#tests/support/worker-spec.ts'

type Adapter = {
  name: string
  /** Whether what is written to stdout and stderr is kept in one order, and not only in that of each. */
  keepsOrder: boolean
  /** Makes an image with `sh` and the usual small programs, once for all tests. */
  image(): MadeImage
  open(): Promise<{ cluster: Cluster & Transfers; close(): Promise<void> }>
}

const ofThisMachine = async (): Promise<Adapter[]> => [
  {
    name: 'sandbox',
    keepsOrder: true,
    image: () => ({ name: 'knit.local/host:1', remove: () => {} }),
    open: async () => openLocal(undefined),
  },
  ...(await enginesHere()).map((engine) => ({
    name: engine.name,
    keepsOrder: engine.direct,
    image: () => makeImage(engine),
    open: async () => openLocal(engine),
  })),
]

/** Every adapter of the two ports keeps the same promises. */
const adapters: Adapter[] = [
  ...(isClusterSuite() ? [] : await ofThisMachine()),
  ...[kubernetesHere()].flatMap((there) =>
    there ? (['per-data', 'shared'] as const).map((layout) => onKubernetes(there, layout)) : [],
  ),
]

function onKubernetes(there: TestKubernetes, layout: 'per-data' | 'shared'): Adapter {
  return {
    name: `Kubernetes, volumes ${layout}`,
    keepsOrder: false,
    image: () => ({ name: there.tools, remove: () => {} }),
    open: () => openNamespace(there, { layout }),
  }
}

function openLocal(engine: Engine | undefined) {
  const folder = mkdtempSync('/var/tmp/knit-conformance-')
  const cluster = localCluster({ folder, grace: 200, engine, env: process.env })
  const close = async () => {
    await cluster.close({ stopWorkers: true })
    rmSync(folder, { recursive: true })
  }
  return { cluster, close }
}

type World = {
  cluster: Cluster & Transfers
  /** A new volume, with these files. */
  volume(files?: Record<string, string>, options?: { mode: number }): Promise<string>
  filesOf(volume: string): Promise<Record<string, string>>
  spec(script: string, spec?: Partial<WorkerSpec>): WorkerSpec
  start(script: string, spec?: Partial<WorkerSpec>): Promise<string>
  run(script: string, spec?: Partial<WorkerSpec>): Promise<WorkerState>
  endOf(worker: string): Promise<WorkerState>
}

// Pods take their time, and each test has a namespace of its own.
const suite = isClusterSuite() ? describe.concurrent : describe

suite.each(adapters)('the cluster of a home with $name', ({ name, image, open, keepsOrder }) => {
  let made: MadeImage
  beforeAll(() => {
    made = image()
  })
  afterAll(() => made.remove())

  const test = base.extend<{ world: World; scratch: string }>({
    scratch: async ({ task }, use) => {
      const scratch = mkdtempSync(`/var/tmp/knit-scratch${task.id}`)
      await use(scratch)
      rmSync(scratch, { recursive: true })
    },
    world: async ({ scratch, task }, use) => {
      task.meta.engine = name
      const { cluster, close } = await open()
      await use(worldOf(cluster, made.name, scratch))
      await close()
    },
  })

  describe('volumes', () => {
    test('a volume is made once, and stays as it is when made again', async ({ world }) => {
      const { cluster } = world
      const name = await world.volume({ a: 'x' })
      await cluster.ensureVolume({ name, labels: {} })

      expect(await world.filesOf(name)).toEqual({ a: 'x' })
    })

    test('a deleted volume is gone, and deleting it again is success', async ({ world }) => {
      const { cluster } = world
      const name = await world.volume({ 'a/b': 'x' })
      await cluster.deleteVolume(name)
      await cluster.deleteVolume(name)

      expect(await cluster.measureVolume(name)).toBeUndefined()
      await expect(cluster.send(name)).rejects.toThrow(name)
      await cluster.ensureVolume({ name, labels: {} })
      expect(await world.filesOf(name)).toEqual({})
    })

    test('the volumes that are listed are those that were made and not deleted', async ({
      world,
    }) => {
      const { cluster } = world
      const kept = [await world.volume({ a: 'x' }), await world.volume()]
      const gone = await world.volume({ a: 'x' })
      await cluster.deleteVolume(gone)

      expect(new Set(await allVolumesOf(cluster))).toEqual(new Set(kept))
    })

    test('a volume is adopted when it is there', async ({ world }) => {
      const { cluster } = world
      const name = await world.volume({ a: 'x' })
      expect(await cluster.adoptVolume(name)).toBe('ready')
      await cluster.deleteVolume(name)
      expect(await cluster.adoptVolume(name)).toBe('absent')
    })

    test('a volume is measured as what was received', async ({ world, scratch }) => {
      const { cluster } = world
      await writeFile(join(scratch, 'a'), 'four')
      const name = await world.volume()
      const { measure } = await cluster.receive(name, pack(scratch))

      expect(measure).toMatchObject({ bytes: 4, files: 1 })
      expect(await cluster.measureVolume(name)).toEqual(measure)
    })
  })

  describe('transfers', () => {
    test('what was received is sent', async ({ world }) => {
      const files = { a: '1', 'b/c': '2', 'b/ü x': '' }
      expect(await world.filesOf(await world.volume(files))).toEqual(files)
    })

    test('nothing is received into a volume that has something', async ({ world, scratch }) => {
      const name = await world.volume({ a: 'x' })
      await expect(world.cluster.receive(name, pack(scratch))).rejects.toMatchObject({
        code: 'not-empty',
      })
      expect(await world.filesOf(name)).toEqual({ a: 'x' })
    })

    test('a damaged archive leaves the volume empty', async ({ world, scratch }) => {
      await writeFile(join(scratch, 'a'), randomUUID().repeat(10_000))
      const whole = Buffer.concat(await pack(scratch).toArray())
      const name = await world.volume()
      const half = Readable.from([whole.subarray(0, whole.length / 2)])

      await expect(world.cluster.receive(name, half)).rejects.toMatchObject({
        name: 'ArchiveError',
      })
      expect(await world.filesOf(name)).toEqual({})
    })

    test('files are listed in parts and read one by one, without the others', async ({ world }) => {
      const { cluster } = world
      const name = await world.volume({ a: '0123456789', 'b/ü x': '1', 'b/y': '' })
      const first = await cluster.listFiles(name, { path: '', limit: 2 })
      expect(first).toMatchObject({
        files: [{ path: 'a', size: 10 }, { path: 'b/y' }],
        after: 'b/y',
      })
      const rest = await cluster.listFiles(name, { path: '', limit: 2, after: 'b/y' })
      expect(rest).toMatchObject({ files: [{ path: 'b/ü x', type: 'file', size: 1 }] })
      expect(rest.after).toBeUndefined()

      const { content, ...bytes } = await cluster.readFile(name, 'a', { from: 2, to: 4 })
      expect([bytes, await text(content)]).toEqual([{ size: 10, from: 2, bytes: 3 }, '234'])
      expect(await text((await cluster.readFile(name, 'b/ü x')).content)).toBe('1')
      const nothing = cluster.readFile(name, 'b/none')
      await expect(nothing).rejects.toMatchObject({ name: 'NoSuchFile' })
      await expect(cluster.readFile(name, 'b')).rejects.toMatchObject({ name: 'NotAFile' })
      const other = `data-knitid-${randomUUID()}`
      await expect(cluster.readFile(other, 'a')).rejects.toMatchObject({ name: 'NoSuchVolume' })
    })

    test('a log is all files of its volume, one after another', async ({ world }) => {
      const name = await world.volume({ b: '2', 'a/x': '1', c: '3' })
      expect(await text(await world.cluster.readLog(name))).toBe('123')
    })
  })

  describe('a worker', () => {
    test('does not run before it is released, and then once', async ({ world }) => {
      const { cluster } = world
      const output = await world.volume()
      const spec = world.spec('echo once >> /out/runs', {
        outputs: [{ volume: output, path: '/out' }],
      })
      const worker = await cluster.ensureWorker(spec)
      expect(worker).toMatchObject({
        name: spec.name,
        labels: spec.labels,
        state: { phase: 'suspended' },
      })
      expect(await cluster.ensureWorker(world.spec('false', { name: spec.name }))).toEqual(worker)
      expect(await world.filesOf(output)).toEqual({})

      await Promise.all([cluster.releaseWorker(worker), cluster.releaseWorker(worker)])
      expect(await world.endOf(spec.name)).toMatchObject({ phase: 'succeeded' })
      await cluster.releaseWorker(worker)
      expect(await world.filesOf(output)).toEqual({ runs: 'once\n' })
    })

    test('is released only by its uid', async ({ world }) => {
      const { cluster } = world
      const { name, uid } = await cluster.ensureWorker(world.spec('true'))
      await cluster.releaseWorker({ name, uid: randomUUID() })
      await cluster.releaseWorker({ name: world.spec('true').name, uid })
      expect(await cluster.findWorker(name)).toMatchObject({ uid, state: { phase: 'suspended' } })

      await cluster.deleteWorker(name)
      await until(async () => !(await cluster.findWorker(name)))
      const second = await cluster.ensureWorker(world.spec('true', { name }))
      expect(second.uid).not.toBe(uid)
    })

    test('reads its inputs, writes its outputs, and nothing the other way round', async ({
      world,
    }) => {
      const input = await world.volume({ 'a b': 'read' })
      const output = await world.volume()
      const state = await world.run(
        `cat "/in/1/a b" "/in/2/a b" > /out/both; touch /in/1/x /in/2/x 2> /dev/null && exit 1; exit 0`,
        {
          inputs: ['/in/1', '/in/2'].map((path) => ({ volume: input, path })),
          outputs: [{ volume: output, path: '/out' }],
        },
      )

      expect(state).toMatchObject({ phase: 'succeeded' })
      expect(await world.filesOf(output)).toEqual({ both: 'readread' })
      expect(await world.filesOf(input)).toEqual({ 'a b': 'read' })
    })

    test('leaves what only its owner may read to the next one, and to us', async ({ world }) => {
      const { cluster } = world
      const pushed = await world.volume({ own: 'pushed ' }, { mode: 0o600 })
      const volume = await world.volume()
      const outputs = [{ volume, path: '/out' }]
      // Its mount point may be somebody else's.
      const script = `umask 077; mkdir /out/a; cat /in/own - > /out/a/b <<. && chmod 500 /out/a && { chmod 500 /out || :; }
made
.`
      const inputs = [{ volume: pushed, path: '/in' }]
      expect(await world.run(script, { inputs, outputs })).toMatchObject({ phase: 'succeeded' })
      const output = await world.volume()
      const next = {
        inputs: [{ volume, path: '/in' }],
        outputs: [{ volume: output, path: '/out' }],
      }
      expect(await world.run('cat /in/a/b > /out/b', next)).toMatchObject({ phase: 'succeeded' })

      expect(await world.filesOf(output)).toEqual({ b: 'pushed made\n' })
      expect(await cluster.measureVolume(volume)).toMatchObject({ files: 1 })
      await cluster.deleteVolume(volume)
      expect(await cluster.measureVolume(volume)).toBeUndefined()
    })

    test('gets its arguments and variables exactly', async ({ world }) => {
      const output = await world.volume()
      const args = ['', ` it's "x"\n`, '$HOME', '*']
      const outputs = [{ volume: output, path: '/out' }]
      await world.run(`printf '[%s]' "$@" "$A" > /out/args`, {
        args,
        env: { A: `$(id)'\n` },
        outputs,
      })

      expect(await world.filesOf(output)).toEqual({
        args: [...args, `$(id)'\n`].map((arg) => `[${arg}]`).join(''),
      })
    })

    test('that fails says how, and that its program is to blame', async ({ world }) => {
      const failed = { phase: 'failed', cause: 'program', message: '(container main) Error' }
      const before = Date.now() - 1000
      const state = await world.run('exit 7')

      expect(state).toMatchObject({ ...failed, exitCode: 7 })
      const { startedAt, endedAt } = state as { startedAt: Date; endedAt: Date }
      expect(startedAt.getTime()).toBeGreaterThan(before)
      expect(endedAt.getTime()).toBeGreaterThanOrEqual(startedAt.getTime())
      expect(await world.run(`sh -c 'kill -9 $$'; exit $?`)).toMatchObject({
        ...failed,
        exitCode: 137,
      })
    })

    test('does not begin with outputs, or a log, that have something in them', async ({
      world,
    }) => {
      const volume = await world.volume({ old: 'x' })
      const failed = { phase: 'failed', cause: 'machine' }
      const outputs = [{ volume, path: '/out/here' }]

      const state = await world.run('true', { outputs })
      expect(state).toMatchObject(failed)
      expect(state).toHaveProperty('message', expect.stringContaining('/out/here'))
      expect(await world.run('true', { logVolume: volume })).toMatchObject(failed)
      expect(await world.filesOf(volume)).toEqual({ old: 'x' })
    })

    test('whose command does not exist fails by its plan', async ({ world }) => {
      const state = await world.run('', { entrypoint: ['/no/such command'] })
      expect(state).toMatchObject({ phase: 'failed', cause: 'plan', exitCode: 127 })
      expect(state).toHaveProperty('message', expect.stringContaining('/no/such command'))
    })

    test('that nobody knows is not found, and can be deleted and released', async ({ world }) => {
      const { cluster } = world
      const { name } = world.spec('true')
      expect(await cluster.findWorker(name)).toBeUndefined()
      await cluster.deleteWorker(name)
      await cluster.releaseWorker({ name, uid: randomUUID() })
    })

    test('is listed from when it is made until it is gone', async ({ world }) => {
      const { cluster } = world
      const namesListed = async () => (await cluster.listWorkers()).map(({ name }) => name).sort()
      const suspended = await cluster.ensureWorker(world.spec('true'))
      const running = await world.start('sleep 1000')
      expect(await namesListed()).toEqual([suspended.name, running].sort())

      for (const name of await namesListed()) await cluster.deleteWorker(name)
      await until(async () => (await namesListed()).length === 0)
    })

    test('is there until its program has ended, and its name is free then', async ({ world }) => {
      const { cluster } = world
      const output = await world.volume()
      const outputs = [{ volume: output, path: '/out' }]
      const name = await world.start('trap "" TERM; touch /out/up; while :; do sleep 0.01; done', {
        outputs,
      })
      await until(async () => (await cluster.measureVolume(output))?.files === 1)
      await until(async () => (await cluster.findWorker(name))?.state.phase === 'running')
      await cluster.deleteWorker(name)
      expect(await cluster.findWorker(name)).toMatchObject({ state: { phase: 'running' } })

      await until(async () => !(await cluster.findWorker(name)))
      expect(await cluster.ensureWorker(world.spec('true', { name }))).toMatchObject({
        state: { phase: 'suspended' },
      })
    })
  })

  describe('a worker that does not go', () => {
    test('is forgotten at once when it is forced to, and its name is free then', async ({
      world,
    }) => {
      const { cluster } = world
      const name = await world.start('trap "" TERM; while :; do sleep 0.01; done')
      await cluster.deleteWorker(name)
      expect(await cluster.findWorker(name)).toBeDefined()
      await cluster.deleteWorker(name, { force: true })
      expect(await cluster.findWorker(name)).toBeUndefined()
      expect(await cluster.ensureWorker(world.spec('true', { name }))).toMatchObject({
        state: { phase: 'suspended' },
      })
    })
  })

  describe('a log', () => {
    test('has what the program writes to stdout and stderr, in order', async ({ world }) => {
      const logVolume = await world.volume()
      await world.run('echo 1; echo 2 >&2; echo 3', { logVolume })

      const { log = '' } = await world.filesOf(logVolume)
      if (keepsOrder) expect(log).toBe('1\n2\n3\n')
      else expect(log.replace('2\n', '')).toBe('1\n3\n')
    })

    test('is followed from its first byte to its last', async ({ world }) => {
      const { cluster } = world
      const logVolume = await world.volume()
      const spec = world.spec('i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done', {
        logVolume,
      })
      const worker = await cluster.ensureWorker(spec)
      const never = new AbortController().signal
      const early = text(await cluster.followLog(spec.name, logVolume, never))
      await cluster.releaseWorker(worker)

      const lines = Array.from({ length: 3000 }, (_, i) => `line ${i}\n`).join('')
      expect(await early).toBe(lines)
      expect(await text(await cluster.followLog(spec.name, logVolume, never))).toBe(lines)
    })

    test('is followed while it is written, until nobody wants it any more', async ({ world }) => {
      const { cluster } = world
      const logVolume = await world.volume()
      const name = await world.start('echo begun; sleep 1000', { logVolume })
      const controller = new AbortController()
      const log = await cluster.followLog(name, logVolume, controller.signal)
      let seen = ''
      for await (const piece of log) {
        seen += piece
        if (seen === 'begun\n') controller.abort()
      }

      expect(seen).toBe('begun\n')
    })
  })

  test('has some processors and memory', async ({ world }) => {
    const capacity = await world.cluster.capacity()
    expect(capacity.get('cpu')).toBeGreaterThan(0)
    expect(capacity.get('memory')).toBeGreaterThan(2 ** 27)
  })
})

function worldOf(cluster: Cluster & Transfers, image: string, scratch: string): World {
  const world: World = {
    cluster,
    async volume(files = {}, options) {
      const name = `data-knitid-${randomUUID()}`
      await cluster.ensureVolume({ name, labels: { of: 'test' } })
      if (Object.keys(files).length === 0) return name
      const folder = join(scratch, name)
      for (const [path, content] of Object.entries(files)) {
        await mkdir(join(folder, path, '..'), { recursive: true })
        await writeFile(join(folder, path), content, options)
      }
      await cluster.receive(name, pack(folder))
      return name
    },
    async filesOf(volume) {
      const folder = join(scratch, `sent-${randomUUID()}`)
      await mkdir(folder)
      await unpack(await cluster.send(volume), folder)
      return readTree(folder)
    },
    spec: (script, spec = {}) =>
      workerThat({
        name: `worker-run-${randomUUID()}-1`,
        labels: { of: 'test' },
        image,
        entrypoint: ['sh', '-c', script, 'sh'],
        ...spec,
      }),
    async start(script, spec) {
      const worker = await cluster.ensureWorker(world.spec(script, spec))
      await cluster.releaseWorker(worker)
      return worker.name
    },
    async run(script, spec) {
      const name = await world.start(script, spec)
      const state = await world.endOf(name)
      // Its volumes are in use while it is remembered.
      await cluster.deleteWorker(name)
      return state
    },
    endOf: (worker) =>
      until(async () => {
        const state = (await cluster.findWorker(worker))?.state
        return state && 'endedAt' in state ? state : undefined
      }),
  }
  return world
}

async function readTree(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  const contents = files.map(async (file) => [
    file.slice(folder.length + 1),
    await readFile(file, 'utf8'),
  ])
  return Object.fromEntries(await Promise.all(contents))
}
