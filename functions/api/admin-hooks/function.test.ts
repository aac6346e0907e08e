import { expect } from 'vitest'
import type { HookDelivery } from '#shared/domain/hook.ts'
import { answer, refusal } from '#tests/support/api.ts'
import { hookServer } from '#tests/support/hook-server.ts'
import { makeRun } from '#tests/support/runs.ts'
import { deliver, test } from '#tests/support/world.ts'
import callHooks from '../../steps/call-hooks/function.ts'
import startRun from '../../steps/start-run/function.ts'
import hooks from './function.ts'

test('calls of after-hooks are listed, the newest first, with what became of them', async ({
  ctx,
}) => {
  const { url } = await hookServer(({ path }, response) =>
    response.writeHead(path === '/bad' ? 500 : 200).end(),
  )
  ctx.config = { ...ctx.config, hooksAfter: [`${url}/good`, `${url}/bad`] }
  const { runId } = await makeRun(ctx, { status: 'ready' })
  await deliver(startRun, ctx, 'run.ready', { runId, attempt: 1 })
  await deliver(callHooks, ctx, 'hook.recorded', {})
  const told = { runId, attempt: 1, status: 'starting' }
  const failed = { ...told, url: `${url}/bad`, failures: 1, error: 'it answered 500' }
  const list = (query = '') => answer<HookDelivery[]>(hooks, ctx, `/api/admin/hooks${query}`)
  expect(await list()).toEqual([
    expect.objectContaining({ ...failed, state: 'due', dueAt: expect.any(String) }),
    expect.objectContaining({ ...told, state: 'delivered', deliveredAt: expect.any(String) }),
  ])
  expect(await list('?open=true')).toMatchObject([failed])
  expect(await list('?limit=1')).toMatchObject([failed])
  ctx.config = { ...ctx.config, maxHookFailures: 1 }
  const [givenUp] = await list('?open=true')
  expect(givenUp).toMatchObject({ state: 'given-up' })
  expect(givenUp).not.toHaveProperty('dueAt')
})

test('a user sees none of them', async ({ ctx }) => {
  await refusal(hooks, ctx, '/api/admin/hooks', 'forbidden', { role: 'user' })
})

test.for(['0', '1001', 'many'])('%s is no limit', async (limit, { ctx }) => {
  expect(await refusal(hooks, ctx, `/api/admin/hooks?limit=${limit}`, 'bad-request')).toMatch(
    /limit/,
  )
})
