import { expect, test } from 'vitest'
import { stubOfTheWire } from '#shared/client/stub-of-the-wire.ts'
import { idOf } from '#shared/client/wire-samples.ts'
import { knit, projectFor, tempDir } from '../testing.ts'

const [planId, knitId, runId] = [idOf('p1'), idOf('d1'), idOf('r1')]
const inputs = [
  { path: '/a', fits: true, missing: [], runs: [{ runId, status: 'done' }], reasons: [] },
  { path: '/b', fits: false, missing: ['type:x'], runs: [], reasons: ['one', 'two'] },
]
const told = { planId, data: [{ knitId, inputs }], reasons: ['the plan is inactive'] }

test('explain tells of each data and input what fits, what is missing, and why', async () => {
  await using stub = await stubOfTheWire(() => ({ json: told }))
  const dir = projectFor(stub)
  const line = ['explain', planId, '--data', knitId]
  const { code, stdout, stderr } = await knit(line, dir)
  expect({ code, told: JSON.parse(stdout) }).toEqual({ code: 0, told })
  expect(stderr).toContain('the plan is inactive\n')
  expect(stub.requests[0]?.url).toBe(`/api/explain?plan=${planId}&data=${knitId}`)
  const table = (await knit([...line, '--output', 'table'], dir)).stdout.split('\n')
  expect(table.map((text) => text.replaceAll(/ {2,}/g, ' | '))).toEqual([
    'KNIT ID | INPUT | FITS | MISSING | RUNS | WHY',
    `${knitId} | /a | yes | ${runId} (done)`,
    `${knitId} | /b | no | type:x | one; two`,
    '',
  ])
})

test('explain asks about a run in the place of data, and about one of the two', async () => {
  await using stub = await stubOfTheWire(() => ({ json: told }))
  await knit(['explain', planId, '--run', runId], projectFor(stub))
  expect(stub.requests[0]?.url).toBe(`/api/explain?plan=${planId}&run=${runId}`)
  for (const words of [[], ['--run', runId, '--data', knitId]])
    expect(await knit(['explain', planId, ...words], tempDir())).toMatchObject({ code: 2 })
})
