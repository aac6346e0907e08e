import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const main = new URL('main.ts', import.meta.url).pathname

type Said = { code: number; stdout: string; stderr: string }

/** What `npm run simulate` says, as a process of its own. */
const simulate = (...args: string[]): Promise<Said> =>
  promisify(execFile)(process.execPath, [main, ...args], { maxBuffer: 1e8 }).then(
    (said) => ({ code: 0, ...said }),
    (error: Said) => error,
  )

test('an engine that is broken ends it with 1, and what it says to do shows the same schedule again', async () => {
  const bug = ['--bug', 'nobody sweeps']
  const found = await simulate('--lanes', '1', ...bug)
  expect(found.code).toBe(1)
  const [, seed = '', steps, trace] =
    /^seed (\d+) fails after (\d+) steps \(trace ([0-9a-f]+)\):$/m.exec(found.stderr) ?? []
  expect(found.stderr).toContain(
    `npm run simulate -- --schedules 1 --seed ${seed} --trace --bug 'nobody sweeps'`,
  )

  const again = await simulate('--schedules', '1', '--seed', seed, '--trace', ...bug)
  expect(again.code).toBe(1)
  expect(again.stderr).toBe(found.stderr)
  expect(again.stderr).toContain(`seed ${seed} fails after ${steps} steps (trace ${trace}):`)
  const shown = again.stdout.trimEnd().split('\n').slice(0, -1)
  expect(shown).toHaveLength(Number(steps))
}, 120_000)
