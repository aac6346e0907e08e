import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { furtherCommands } from './further.ts'

test('what is advised can be pasted, wherever the home is', () => {
  const home = "/home/ann's demo/$HOME"
  const given = { home, port: '1', profileName: 'demo', run: 'r', report: 'd', runsOn: false }
  const rows = furtherCommands({ ...given, profileStore: `${home}/profiles` })
  // In the place of npx, something that tells what it was given.
  const tellTale = `npx() { printf '%s\\n' "$*" "$KNIT_PROFILE_STORE"; }`
  const script = [tellTale, ...rows.map((row) => row.join('  '))].join('\n')
  const told = execFileSync('bash', ['-c', script], { encoding: 'utf8' }).split('\n')
  expect(told[0]).toBe(`knit local start --home ${home} --port 1 --detach`)
  expect(told.slice(2, 4)).toEqual(['knit run find --output table', `${home}/profiles`])
  expect(told.at(-3)).toBe(`knit local stop --home ${home}`)
})

test('a home that runs on need not be started', () => {
  const given = { home: 'h', port: '1', profileStore: 's', profileName: 'p', run: 'r', report: 'd' }
  const started = (runsOn: boolean) =>
    furtherCommands({ ...given, runsOn }).some(([line]) => line?.includes('local start'))
  expect([started(true), started(false)]).toEqual([false, true])
})
