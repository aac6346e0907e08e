import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, vi } from 'vitest'
import { openHome } from './home.ts'
import { childrenOf } from './processes.ts'
import {
  endOf,
  sandboxes,
  startAndDie,
  eventually,
  start,
  test,
  workerSpec,
  type TestHome,
} from './test-home.ts'
import { createWorker, markReleased, readWorker } from './worker-folder.ts'

// Goes on until the file `go` appears in its input.
const waiting = ['sh', '-c', 'touch /out/up; while [ ! -e /in/go ]; do sleep 0.01; done; exit 3']

const supervisorOf = (home: TestHome, name: string): number =>
  Number(readFileSync(join(home.folder, 'workers', name, 'begun'), 'utf8').split(' ')[0])

describe.each(sandboxes)('a worker run with %s', (sandbox) => {
  test('outlives the process that started it, and is found again until its end', async ({
    home,
  }) => {
    const first = home.open({ sandbox })
    const input = await home.volume(first)
    const output = await home.volume(first)
    const spec = workerSpec({
      entrypoint: waiting,
      inputs: [{ volume: input, path: '/in' }],
      outputs: [{ volume: output, path: '/out' }],
    })
    await first.close({ stopWorkers: false })
    await startAndDie(home, spec, { sandbox }, () => readFileSync(home.file(output, 'up')))

    const second = home.open({ sandbox })
    expect(await second.findWorker(spec.name)).toMatchObject({ state: { phase: 'running' } })
    expect(home.changes).toEqual([])

    writeFileSync(home.file(input, 'go'), '')
    await eventually(() => expect(home.changes).toEqual([spec.name]))
    expect(await second.findWorker(spec.name)).toMatchObject({
      state: { phase: 'failed', exitCode: 3, cause: 'program' },
    })
  })

  test('counts as lost when its supervisor is killed, and takes its program with it', async ({
    home,
  }) => {
    const cluster = home.open({ sandbox })
    const output = await home.volume(cluster)
    const { name } = await start(cluster, {
      entrypoint: ['sh', '-c', 'touch /out/up; sleep 4567.8'],
      outputs: [{ volume: output, path: '/out' }],
    })
    await eventually(() => readFileSync(home.file(output, 'up')))
    const supervisor = supervisorOf(home, name)
    const below = (pid: number): number[] =>
      childrenOf(pid).flatMap((child) => [child, ...below(child)])
    const others = below(supervisor)
    expect(others.length).toBeGreaterThan(1)
    process.kill(supervisor, 'SIGKILL')

    await eventually(() => expect(home.changes).toEqual([name]))
    expect(await cluster.findWorker(name)).toMatchObject({
      state: {
        phase: 'failed',
        cause: 'machine',
        exitCode: 137,
        message: expect.stringContaining('vanished'),
      },
    })
    await eventually(() =>
      expect(others.filter((pid) => !['Z', undefined].includes(statOf(pid)[0]))).toEqual([]),
    )
  })

  test('that is killed while it is stopped with the home was stopped with the home', async ({
    home,
  }) => {
    const cluster = home.open({ grace: 60_000 })
    const output = await home.volume(cluster)
    const deaf = 'trap "touch /out/asked" TERM; touch /out/up; while :; do sleep 0.01; done'
    const { name } = await start(cluster, {
      entrypoint: ['sh', '-c', deaf],
      outputs: [{ volume: output, path: '/out' }],
    })
    await eventually(() => readFileSync(home.file(output, 'up')))
    const closed = cluster.close({ stopWorkers: true })
    await eventually(() => readFileSync(home.file(output, 'asked')))
    process.kill(supervisorOf(home, name), 'SIGKILL')
    await closed
    expect(await cluster.findWorker(name)).toMatchObject({
      state: { exitCode: 143, cause: 'home', message: 'stopped with the local home' },
    })
  })

  test('is stopped with the home, or goes on without it', async ({ home }) => {
    const first = home.open({ sandbox })
    const { name } = await start(first, { entrypoint: ['sleep', '5678.9'] })
    const suspended = await first.ensureWorker(workerSpec())
    await first.close({ stopWorkers: false })
    const second = home.open({ sandbox })
    expect(await second.findWorker(name)).toMatchObject({ state: { phase: 'running' } })

    await second.close({ stopWorkers: true })
    expect(await second.findWorker(name)).toMatchObject({
      state: {
        phase: 'failed',
        cause: 'home',
        exitCode: 143,
        message: 'stopped with the local home',
      },
    })
    expect(await second.findWorker(suspended.name)).toMatchObject({ state: { phase: 'suspended' } })
  })

  test('needs no longer if a hundred run at once', async ({ home }) => {
    const cluster = home.open({ sandbox })
    const workers = await Promise.all(Array.from({ length: 100 }, () => start(cluster)))
    for (const { name } of workers)
      expect(await endOf(cluster, name)).toMatchObject({ phase: 'succeeded' })

    await eventually(() =>
      expect(home.changes.toSorted()).toEqual(workers.map(({ name }) => name).sort()),
    )
    await Promise.all(workers.map(({ name }) => cluster.deleteWorker(name)))
    expect(
      ['workers', 'ended', 'trash'].flatMap((part) => readdirSync(join(home.folder, part))),
    ).toEqual([])
  })

  test('tells when the sandbox itself fails, and that the program is not to blame', async ({
    home,
  }) => {
    const cluster = home.open({ sandbox, devices: ['/dev/no such device'] })

    expect(await home.run(cluster, {})).toMatchObject({
      phase: 'failed',
      cause: 'machine',
      message: expect.stringContaining('sandbox'),
    })
    expect(await cluster.check()).toContain('sandbox')
  })
})

describe('a worker', () => {
  test('that was released but never begun is lost, and does not begin later', async ({ home }) => {
    const worker = stored(home)
    markReleased(worker)

    expect(await home.open().findWorker(worker.spec.name)).toMatchObject({
      state: {
        phase: 'failed',
        cause: 'machine',
        message: expect.stringContaining('before the program began'),
      },
    })
    expect(readFileSync(join(worker.folder, 'begun'), 'utf8')).toBe('never\n')
  })

  test('is not taken for another process that has its id now', async ({ home }) => {
    const other = spawn('sleep', ['6789.1'], { detached: true })
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const since = statOf(other.pid)[19]
    const phaseOf = async (identity: string) => {
      const worker = stored(home)
      markReleased(worker)
      writeFileSync(join(worker.folder, 'begun'), identity)
      return (await home.open().findWorker(worker.spec.name))?.state.phase
    }

    expect(await phaseOf(`${other.pid} ${since} ${boot}\n`)).toBe('running')
    expect(await phaseOf(`${other.pid} 1 ${boot}\n`)).toBe('failed')
    expect(await phaseOf(`${other.pid} ${since} ${randomUUID()}\n`)).toBe('failed')
  })

  test('that was about to begin when the power failed is lost', async ({ home }) => {
    const worker = stored(home)
    markReleased(worker)
    writeFileSync(join(worker.folder, 'begun'), '')
    const cluster = home.open()
    expect(await cluster.findWorker(worker.spec.name)).toMatchObject({
      state: { phase: 'pending' },
    })

    const begun = join(worker.folder, 'begun')
    const longAgo = 1
    const beforeTheClockWasSetBack = Date.now() / 1000 + 600
    for (const time of [longAgo, beforeTheClockWasSetBack]) {
      writeFileSync(begun, '')
      utimesSync(begun, time, time)
      rmSync(worker.record, { force: true })
      expect(await cluster.findWorker(worker.spec.name)).toMatchObject({
        state: { phase: 'failed' },
      })
    }
  })

  test('that is stopped has its grace, and no more, however the clock is set meanwhile', async ({
    home,
  }) => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const asking = 'trap "touch /out/asked" TERM; touch /out/up; while :; do sleep 0.01; done'
    for (const minutes of [-10, 60]) {
      const cluster = home.open({ grace: 500 })
      const output = await home.volume(cluster)
      const { name } = await start(cluster, {
        entrypoint: ['sh', '-c', asking],
        outputs: [{ volume: output, path: '/out' }],
      })
      await eventually(() => readFileSync(home.file(output, 'up')))
      const closed = cluster.close({ stopWorkers: true })
      vi.setSystemTime(Date.now() + minutes * 60_000)
      await closed
      expect(readdirSync(home.file(output, ''))).toContain('asked')
      expect(await cluster.findWorker(name)).toMatchObject({ state: { exitCode: 143 } })
    }
  })

  test('that ended as the power failed is lost, and not under way for ever', async ({ home }) => {
    const cluster = home.open()
    const { name } = await start(cluster)
    await endOf(cluster, name)
    const [record = ''] = readdirSync(join(home.folder, 'ended'))
    for (const left of ['', ' '.repeat(16)]) {
      writeFileSync(join(home.folder, 'ended', record), left)
      expect(await endOf(cluster, name)).toMatchObject({ exitCode: 137, cause: 'machine' })
    }
  })

  test('can have no name that is a path', async ({ home }) => {
    const cluster = home.open()
    for (const name of ['../x', '.', '', 'a/b', 'a.b', 'a\n']) {
      await expect(cluster.findWorker(name)).rejects.toThrow('cannot be the name')
      await expect(cluster.ensureWorker(workerSpec({ name }))).rejects.toThrow('cannot be the name')
      await expect(cluster.deleteVolume(name)).rejects.toThrow('cannot be the name')
    }
    await expect(cluster.send(`data-knitid-${randomUUID()}/..`)).rejects.toThrow(
      'cannot be the name',
    )
  })

  test('is forgotten with all that was left of it by a process that died', async ({ home }) => {
    writeFileSync(join(openHome(home.folder).trash, 'left'), '')

    await home.open().close({ stopWorkers: true })
    expect(readdirSync(join(home.folder, 'trash'))).toEqual([])
  })
})

/** The fields after the name; none when there is no such process. See proc_pid_stat(5). */
function statOf(pid: number | undefined): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}

function stored(home: TestHome) {
  const spec = workerSpec()
  createWorker(openHome(home.folder), spec)
  const worker = readWorker(openHome(home.folder), spec.name)
  if (!worker) throw new Error('it was just made')
  return worker
}
