import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { stubOfTheWire } from '#shared/client/stub-of-the-wire.ts'
import { idOf, samplePlan } from '#shared/client/wire-samples.ts'
import { knit, projectFor, tempDir } from '../../testing.ts'

test.each([
  ['yes', 'PUT'],
  ['no', 'DELETE'],
])('plan active %s is a %s', async (word, method) => {
  const plan = samplePlan('p1')
  await using stub = await stubOfTheWire(() => ({ json: plan }))
  const { stdout } = await knit(['plan', 'active', word, plan.planId], projectFor(stub))
  expect(JSON.parse(stdout)).toEqual(plan)
  expect(stub.requests[0]).toMatchObject({ method, url: `/api/plans/${plan.planId}/active` })
})

test('plan active yes --allow says how many runs a paused plan may create, and the pause is told', async () => {
  const message = 'It would create up to 9 runs.'
  const plan = { ...samplePlan('p1'), paused: { wouldCreate: 9, message } }
  await using stub = await stubOfTheWire(() => ({ json: plan }))
  const words = ['plan', 'active', 'yes', plan.planId, '--allow', '8', '--output', 'table']
  const { stdout, stderr } = await knit(words, projectFor(stub))
  expect(stub.requests.at(-1)?.url).toBe(`/api/plans/${plan.planId}/active?allow=8`)
  expect(stderr).toContain(message)
  expect(stderr).not.toContain('nothing to allow')
  expect(stdout).toMatch(/ paused /)
  expect((await knit(['plan', 'active', 'no', plan.planId, '--allow', '8'], tempDir())).code).toBe(
    2,
  )
})

test('who allows runs of a plan that is not paused is told that there was nothing to allow', async () => {
  const plan = samplePlan('p1')
  await using stub = await stubOfTheWire(() => ({ json: plan }))
  const words = ['plan', 'active', 'yes', plan.planId, '--allow', '8']
  const { code, stderr } = await knit(words, projectFor(stub))
  expect(code).toBe(0)
  expect(stub.requests.at(-1)).toMatchObject({ method: 'PUT' })
  expect(stderr).toContain('nothing to allow')
})

test('plan resource sends the limits to put, of one type the last, and those to take away', async () => {
  const plan = samplePlan('p1')
  await using stub = await stubOfTheWire(() => ({ json: plan }))
  const words = ['plan', 'resource', plan.planId, '--set', 'cpu=0.5', '-s', 'cpu=2', '-u', 'x/gpu']
  const { stdout } = await knit(words, projectFor(stub))
  expect(JSON.parse(stdout)).toEqual(plan)
  const [asked] = stub.requests
  expect(asked).toMatchObject({ method: 'PUT', url: `/api/plans/${plan.planId}/resources` })
  expect(JSON.parse(String(asked?.body))).toEqual({ set: { cpu: '2' }, unset: ['x/gpu'] })
})

test.each([
  [['--set', 'cpu'], 'TYPE=QUANTITY'],
  [['--set', '=1'], 'TYPE=QUANTITY'],
  [['--set', 'memory=much'], '"much" is no quantity'],
])('plan resource %j is a usage error that says what is wrong', async (words, why) => {
  const { code, stderr } = await knit(['plan', 'resource', idOf('p1'), ...words], tempDir())
  expect(code).toBe(2)
  expect(stderr).toContain(why)
})

test('plan resource without a change asks for nothing', async () => {
  const { code, stdout, stderr } = await knit(['plan', 'resource', idOf('p1')], tempDir())
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  expect(stderr).toContain('nothing is to be changed')
})

test('plan find sends its filters', async () => {
  await using stub = await stubOfTheWire(() => ({ json: [] }))
  const words = [
    'plan',
    'find',
    '--active',
    'no',
    '--image',
    'h:5000/a:v1',
    '-i',
    'a:b',
    '-o',
    'c:d',
  ]
  await knit([...words, '-i', 'e:f'], projectFor(stub))
  expect(decodeURIComponent(stub.requests[0]?.url ?? '')).toBe(
    '/api/plans?active=false&image=h:5000/a:v1&in_tag=a:b&in_tag=e:f&out_tag=c:d',
  )
})

test('plan apply sends what the file says, from stdin too', async () => {
  const plan = samplePlan('p1')
  await using stub = await stubOfTheWire(() => ({ json: plan }))
  const dir = projectFor(stub)
  const text = 'image: a/b:v1\r\ninputs:\r\n  - path: /in\r\n    tags: ["a:b"]\r\nargs: [1.0]\r\n'
  writeFileSync(join(dir, 'plan.yaml'), text)
  expect((await knit(['plan', 'apply', 'plan.yaml'], dir)).code).toBe(0)
  const stdin = Readable.from([Buffer.from(text)])
  expect(JSON.parse((await knit(['plan', 'apply', '-'], dir, { stdin })).stdout)).toEqual(plan)
  for (const { body, headers } of stub.requests) {
    expect(headers['content-type']).toBe('application/json')
    expect(JSON.parse(String(body))).toEqual({
      image: 'a/b:v1',
      inputs: [{ path: '/in', tags: ['a:b'] }],
      args: ['1.0'],
    })
  }
})

test('plan apply - is interrupted while it waits for a plan', async () => {
  const interrupt = new AbortController()
  const stdin = new Readable({ read: () => interrupt.abort() })
  const { signal } = interrupt
  expect((await knit(['plan', 'apply', '-'], tempDir(), { stdin, signal })).code).toBe(130)
})

test('plan apply --dry-run registers nothing, and says what would start', async () => {
  const dryRun = { starts: 3, more: true, runs: [], inputs: [], reasons: ['no data fits /b'] }
  const notFound = { status: 404, json: { code: 'plan-not-found', title: 'No such plan' } }
  await using stub = await stubOfTheWire(({ method }) =>
    method === 'GET' ? notFound : { json: { ...samplePlan('p1'), dryRun } },
  )
  const dir = projectFor(stub)
  writeFileSync(join(dir, 'p.yaml'), 'image: a/b:v1\n')
  const { code, stdout, stderr } = await knit(['plan', 'apply', 'p.yaml', '--dry-run'], dir)
  expect({ code, dryRun: JSON.parse(stdout).dryRun }).toEqual({ code: 0, dryRun })
  expect(stderr).toContain('nothing is registered; 3 runs or more would start now\n')
  expect(stderr).toContain('no data fits /b\n')
  expect(stub.requests.at(-1)).toMatchObject({ method: 'POST', url: '/api/plans?dryRun=' })
})

test.each([
  [0, '0 runs would'],
  [1, '1 run would'],
  [2, '2 runs would'],
])('plan apply --dry-run of a plan that would start %d says so: %s', async (starts, words) => {
  const dryRun = { starts, more: false, runs: [], inputs: [], reasons: [] }
  const notFound = { status: 404, json: { code: 'plan-not-found', title: 'No such plan' } }
  await using stub = await stubOfTheWire(({ method }) =>
    method === 'GET' ? notFound : { json: { ...samplePlan('p1'), dryRun } },
  )
  const dir = projectFor(stub)
  writeFileSync(join(dir, 'p.yaml'), 'image: a/b:v1\n')
  const { stderr } = await knit(['plan', 'apply', 'p.yaml', '--dry-run'], dir)
  expect(stderr).toContain(`nothing is registered; ${words} start now\n`)
})

test('a server that would register a plan all the same is not asked to try it out', async () => {
  const notFound = { status: 404, json: { message: 'Not Found' } }
  await using stub = await stubOfTheWire(() => notFound)
  const dir = projectFor(stub)
  writeFileSync(join(dir, 'p.yaml'), 'image: a/b:v1\n')
  const { code, stderr } = await knit(['plan', 'apply', 'p.yaml', '--dry-run'], dir)
  expect(code).toBe(1)
  expect(stderr).toContain('cannot try a plan out')
  expect(stub.requests.map(({ method }) => method)).toEqual(['GET'])
})

test('a file larger than any plan is refused before it is read as YAML', async () => {
  const dir = tempDir()
  writeFileSync(join(dir, 'big'), 'x'.repeat(64 * 1024 + 1))
  const { code, stderr } = await knit(['plan', 'apply', 'big'], dir)
  expect(code).toBe(1)
  expect(stderr).toContain('larger than 64 KiB')
})

test('an equivalent plan is named, with the command that shows it', async () => {
  const detail = `The plan ${idOf('p1')} is equivalent.`
  const answer = { status: 409, json: { code: 'plan-equivalent', detail } }
  await using stub = await stubOfTheWire(() => answer)
  const dir = projectFor(stub)
  writeFileSync(join(dir, 'p.yaml'), 'image: a/b:v1\n')
  const { code, stderr } = await knit(['plan', 'apply', 'p.yaml'], dir)
  expect(code).toBe(1)
  expect(stderr).toBe(
    `plan apply p.yaml: ${detail} (HTTP 409)\ntry: knit plan show ${idOf('p1')}\n`,
  )
})

test('a plan is drawn with what feeds it', async () => {
  const plan = samplePlan('p1')
  await using stub = await stubOfTheWire(() => ({ json: plan }))
  const { stdout } = await knit(['plan', 'graph', plan.planId], projectFor(stub))
  expect(stdout).toMatch(/^digraph G \{[^]*\n\}\n$/)
})
