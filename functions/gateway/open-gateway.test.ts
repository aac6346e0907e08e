import { Agent, type IncomingMessage } from 'node:http'
import { expect } from 'vitest'
import { routes } from '#shared/contracts/index.ts'
import { capConnections } from '#shared/runtime/cap-connections.ts'
import type { Config } from '#shared/runtime/config.ts'
import { openFront, send } from '#tests/support/over-socket.ts'
import { until } from '#tests/support/until.ts'
import { test, type TestWorld } from '#tests/support/world.ts'
import fn from './function.ts'
import { openGateway } from './open-gateway.ts'

const token = 'the token of the settings'

/** A gateway with these settings, asked by whom a proxy at 10.0.0.1 speaks for. */
function gateWith(ctx: TestWorld, settings: Partial<Config>) {
  const world = { ...ctx, config: { ...ctx.config, token, ...settings } }
  const app = openGateway(world, { routes, forward: async () => new Response('reached') })
  const incoming = { socket: { remoteAddress: '10.0.0.1' }, complete: true } as IncomingMessage
  return (secret: string, client: string, [method, path] = ['PUT', '/api/runs/r1/abort']) => {
    const headers = { authorization: `Bearer ${secret}`, 'x-forwarded-for': client }
    return app.request(`http://gate.local${path}`, { method, headers }, { incoming })
  }
}

test('who fails as often as the settings say has to wait; behind a proxy that is trusted others do not', async ({
  ctx,
}) => {
  const ask = gateWith(ctx, { maxFailedSignIns: 2, trustedProxies: ['10.0.0.0/8'] })
  for (const guess of ['a', 'b']) expect((await ask(guess, '192.0.2.1')).status).toBe(401)
  const refused = await ask('c', '192.0.2.1')
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect((await ask(token, '192.0.2.2')).status).toBe(200)
})

test('behind a proxy that is not trusted all are one', async ({ ctx }) => {
  const ask = gateWith(ctx, { maxFailedSignIns: 2 })
  for (const guess of ['a', 'b']) await ask(guess, '192.0.2.1')
  expect((await ask(token, '192.0.2.2')).status).toBe(429)
})

test('who asks more often than the settings say has to wait', async ({ ctx }) => {
  const ask = gateWith(ctx, { maxRequestRate: 1 })
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(token, '192.0.2.1')))
  const statuses = answers.map(({ status }) => status)
  expect(statuses).toContain(429)
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(10)
})

test('who asks for what everybody may read more often than the settings say has to wait, and nobody else', async ({
  ctx,
}) => {
  const ask = gateWith(ctx, { maxOpenRequests: 3, trustedProxies: ['10.0.0.0/8'] })
  const look = async (client: string, path: string) => (await ask('', client, ['GET', path])).status
  const open = ['/api/openapi.json', '/api/docs', '/api/auth']
  for (const path of open) expect(await look('192.0.2.1', path)).toBe(200)
  for (const path of open) expect(await look('192.0.2.1', path)).toBe(429)
  expect(await look('192.0.2.2', '/api/docs')).toBe(200)
  expect((await ask(token, '192.0.2.1')).status).toBe(200)
})

test('who may not change something is in the audit, with where they come from', async ({ ctx }) => {
  await gateWith(ctx, { trustedProxies: ['10.0.0.1'] })('guess', '198.51.100.7')
  // Nobody waits for what others have tried, which may be recorded only now.
  const row = await until(async () => {
    const [first] = await ctx.sql`
      select actor, route, subjects, status from audit where address = '198.51.100.7'`
    return first
  })
  expect(row).toEqual({ actor: null, route: 'runs.abort', subjects: ['r1'], status: 401 })
})

test('connections are capped in a local home, and in a cluster', async ({ ctx }) => {
  expect(fn.onServer).toBe(capConnections)
  ctx.config = { ...ctx.config, maxConnectionsPerAddress: 1 }
  const front = await openFront(ctx)
  const agent = new Agent({ keepAlive: true })
  expect(await send(front, { path: '/api/data', agent })).toMatchObject({ status: 200 })
  await expect(send(front, { path: '/api/data' })).rejects.toThrow()
  expect(await send(front, { path: '/api/data', agent })).toMatchObject({ status: 200 })
  agent.destroy()
  await front.close()
})
