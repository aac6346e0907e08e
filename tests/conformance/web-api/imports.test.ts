import { decodeJwt, decodeProtectedHeader } from 'jose'
import { expect } from 'vitest'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { beginTestImport, makeImport } from '#tests/support/imports.ts'
import { deliver } from '#tests/support/world.ts'
import finishRun from '../../../functions/steps/finish-run/function.ts'
import { expectError, test, type Ask } from './wire.ts'

const end = (ask: Ask, token: string, type = 'application/jwt') =>
  ask('POST /api/backend/data/import/end', token, { 'content-type': type })

test('POST /api/backend/data/import/begin: 200, a compact token of the type application/jwt, and its parts', async ({
  ask,
}) => {
  const begun = await ask('POST /api/backend/data/import/begin')
  expect([begun.status, begun.headers['content-type']]).toEqual([200, 'application/jwt'])
  expect(begun.text).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
  expect(decodeProtectedHeader(begun.text)).toEqual({
    alg: 'HS256',
    typ: 'JWT',
    kid: expect.stringMatching(/^[0-9a-f-]{36}$/),
  })
  const claims = decodeJwt(begun.text)
  const knitId = String(claims['knitfab/knitId'])
  expect(claims).toMatchObject({
    jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    sub: `data-knitid-${knitId}`,
    'knitfab/runId': expect.stringMatching(/^[0-9a-f-]{36}$/),
  })
  expect(Number(claims.exp) - Number(claims.iat)).toBe(1800)
  const runId = String(claims['knitfab/runId'])
  expect((await ask(`GET /api/runs/${runId}`)).json).toMatchObject({
    status: 'running',
    plan: { name: 'knit#imported' },
    outputs: [{ path: '/imported', tags: [], knitId }],
  })
})

test('POST /api/backend/data/import/end: 200 and the data as they were before, again while it goes on', async ({
  ask,
  world,
}) => {
  const token = await makeImport(world)
  const ended = await end(ask, `${token}\n`)
  expect(ended.json).toMatchObject({
    tags: expect.arrayContaining(['knit#transient:processing']),
    upstream: { run: { status: 'running' } },
  })
  expect(ended.text).not.toContain('knit#timestamp')
  expect((await end(ask, token)).status).toBe(200)
})

test.for(['application/json', 'text/plain', 'application/jwt; charset=utf-8', ''])(
  'import end: the content type "%s" is 400, before the token is looked at',
  async (type, { ask }) => {
    expectError(await end(ask, 'none', type), 400, 'bad request')
  },
)

test('import end: a token that is malformed, of another signature, or with a blank behind is 401', async ({
  ask,
}) => {
  const { text } = await ask('POST /api/backend/data/import/begin')
  const [head, claims] = text.split('.')
  for (const token of ['none', '', `${text}x`, `${text} `, `${head}.${claims}.`])
    expectError(await end(ask, token), 401, 'invalid token')
})

test('import end: a token of a key that is not known, or of another algorithm, is 401', async ({
  ask,
}) => {
  const { text } = await ask('POST /api/backend/data/import/begin')
  const [, claims, signature] = text.split('.')
  const part = (header: object) => Buffer.from(JSON.stringify(header)).toString('base64url')
  for (const header of [
    { alg: 'HS256', typ: 'JWT', kid: 'unknown' },
    { alg: 'none', typ: 'JWT' },
  ])
    expectError(await end(ask, `${part(header)}.${claims}.${signature}`), 401, 'invalid token')
})

test('import end: without its volume it is 400, and says to come back when that is there', async ({
  ask,
  world,
}) => {
  const reply = await end(ask, await makeImport(world, { hasVolume: false }))
  expectError(reply, 400, 'bad request')
  expect(reply.text).toContain('make it, and end the import then')
})

test('import end: of a run that was aborted 409 with a volume, 400 without', async ({
  ask,
  world,
}) => {
  const { token, knitId } = await beginTestImport(world)
  const runId = String(decodeJwt(token)['knitfab/runId'])
  expect((await ask(`PUT /api/runs/${runId}/abort`)).status).toBe(200)
  expectError(await end(ask, token), 400, 'bad request')
  world.cluster.volumes.set(volumeOf(knitId), { bytes: 1, files: 1, digest: 'd' })
  expectError(await end(ask, token), 409, 'the import is not in progress')
})

test('import end: of a run that was deleted 409', async ({ ask, world }) => {
  const token = await makeImport(world)
  const runId = String(decodeJwt(token)['knitfab/runId'])
  await ask(`PUT /api/runs/${runId}/abort`)
  await deliver(finishRun, world, 'run.aborting', { runId, attempt: 1 })
  expect((await ask(`DELETE /api/runs/${runId}`)).status).toBe(204)
  expectError(await end(ask, token), 409, 'missing Run')
})
