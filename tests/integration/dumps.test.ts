import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { seen } from '#shared/adapters/local-cluster/seen.ts'
import { processesOf, startHomeWith, temporaryFolder } from '#tests/support/local-home.ts'
import { until } from '#tests/support/until.ts'
import { tempDir } from '../../cli/testing.ts'

const root = new URL('../../', import.meta.url).pathname

/** Which kinds of a process's memory a core dump has, as the kernel says; undefined when it has ended meanwhile. */
const dumped = (pid: number | undefined): string | undefined =>
  seen(() => readFileSync(`/proc/${pid}/coredump_filter`, 'utf8').trim())

const nothing = '00000000'

test('a local home, and its database, leave no memory in core dumps, and no environment in reports of Node', async () => {
  const folder = await temporaryFolder('knit-dumps-')
  onTestFinished(() => folder.remove())
  const reports = join(folder.path, 'reports')
  mkdirSync(reports)
  const token = `canary-${crypto.randomUUID()}`
  const home = await startHomeWith(join(folder.path, 'home'), {
    args: ['--auth'],
    env: { KNIT_TOKEN: token },
    node: ['--report-on-signal', `--report-directory=${reports}`],
  })

  const processes = processesOf(folder.path)
  expect(processes.length).toBeGreaterThan(2)
  const filters = processes.flatMap((pid) => dumped(pid) ?? [])
  expect(new Set(filters)).toEqual(new Set([nothing]))

  process.kill(home.pid, 'SIGUSR2')
  const report = await until(() => wholeIn(reports))
  expect(report).toContain('"javascriptStack"')
  expect(report).not.toContain(token)
  await home.stop()
})

/** The report in a folder, once all of it is there. */
function wholeIn(folder: string): string | undefined {
  const [file] = globSync('*.json', { cwd: folder })
  const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8')
  try {
    return JSON.stringify(JSON.parse(text))
  } catch {
    return undefined
  }
}

test('a command line leaves none', async () => {
  const child = spawn(process.execPath, [join(root, 'cli/knit.cjs'), 'plan', 'template'], {
    cwd: tempDir(),
  })
  onTestFinished(() => void child.kill())
  // It says so once it reads the image, for which it waits.
  await once(child.stderr, 'data')
  expect(dumped(child.pid)).toBe(nothing)
})

test('every program begins with that, before it knows any secret', () => {
  const programs = ['functions/local.ts', 'cli/program.ts', 'shared/runtime/serve.ts']
  const jobs = globSync('functions/jobs/*/main.ts', { cwd: root })
  expect(jobs.length).toBeGreaterThan(4)
  for (const file of [...programs, ...jobs])
    expect(readFileSync(join(root, file), 'utf8').split('\n')[0], file).toBe(
      "import '#shared/files/private-memory.ts'",
    )
})
