import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { Away, NoRoomNow } from '#shared/ports/cluster.ts'
import { ask, askForAll, onlyMetadata, Refused } from './api.ts'
import { apiServedBy } from './test-api.ts'

/** The API of a server that answers as it is told to, or never, for which nobody waits long. */
const apiOf = (answer?: { status: number; message: string; items?: null }) =>
  apiServedBy(
    (_request, response) => {
      if (!answer) return
      const { status, ...body } = answer
      const headers = { 'content-type': 'application/json' }
      response.writeHead(status, headers).end(JSON.stringify({ kind: 'Status', ...body }))
    },
    answer ? undefined : 0.1,
  )

test('a call that is never answered ends', async () => {
  const { api, close } = await apiOf()
  const call = ask(
    'the Pod cannot be seen',
    api.core.readNamespacedPod({ namespace: 'a', name: 'b' }),
  )
  await expect(call).rejects.toThrow(
    new Away('the Pod cannot be seen: the API server did not answer in time'),
  )
  close()
})

test('calls one after another go over lines that are there', async () => {
  const lines = new Set<Socket>()
  const { api, close } = await apiServedBy(({ socket }, response) => {
    lines.add(socket)
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  for (let i = 0; i < 20; i += 1) await api.core.readNamespacedPod({ namespace: 'a', name: 'b' })
  // One more is opened while the answer of the one before is still being read.
  expect(lines.size).toBeLessThanOrEqual(2)
  close()
})

test('a server that is not there is away', async () => {
  const { api, close } = await apiOf()
  close()
  const call = ask(
    'the Pod cannot be seen',
    api.core.readNamespacedPod({ namespace: 'a', name: 'b' }),
  )
  await expect(call).rejects.toThrow(Away)
  await expect(call).rejects.toThrow(/^the Pod cannot be seen: .* ECONNREFUSED/)
})

test.for([
  [408, Away],
  [429, Away],
  [500, Away],
  [503, Away],
  [403, Refused],
  [409, Refused],
  [422, Refused],
] as const)('what is answered with %i is %o', async ([status, Kind]) => {
  const { api, close } = await apiOf({ status, message: 'no' })
  const call = ask(
    'the Pod cannot be seen',
    api.core.readNamespacedPod({ namespace: 'a', name: 'b' }),
  )
  await expect(call).rejects.toThrow(Kind)
  await expect(call).rejects.toThrow('the Pod cannot be seen: no')
  close()
})

test('of what there is nothing of, the names are no names', async () => {
  const { api, close } = await apiOf({ status: 200, message: '', items: null })
  const listed = askForAll('workers cannot be listed', (page) =>
    api.batch.listNamespacedJob({ namespace: 'a', ...page }, onlyMetadata),
  )
  expect(await listed).toEqual([])
  close()
})

test('whose account has lost its rights is to ask again, and says how it gets them back', async () => {
  const message =
    'jobs.batch is forbidden: User "system:serviceaccount:knitfab:step-start-run" cannot create resource "jobs" in API group "batch" in the namespace "knitfab": RBAC: role.rbac.authorization.k8s.io "step-start-run" not found'
  const { api, close } = await apiOf({ status: 403, message })
  const call = ask(
    'the worker cannot be made',
    api.core.readNamespacedPod({ namespace: 'a', name: 'b' }),
  )
  const advice =
    'an admin has to give that account its rights back: helm upgrade $RELEASE charts/knitfab --namespace $NAMESPACE --reset-then-reuse-values'
  await expect(call).rejects.toThrow(new Away(`the worker cannot be made: ${message}; ${advice}`))
  await expect(call).rejects.toMatchObject({ cause: { status: 403 } })
  close()
})

test('whose account is not known any more is to ask again, and says who mends that', async () => {
  const { api, close } = await apiOf({ status: 401, message: 'Unauthorized' })
  const call = ask(
    'the worker cannot be made',
    api.core.readNamespacedPod({ namespace: 'a', name: 'b' }),
  )
  await expect(call).rejects.toThrow(Away)
  await expect(call).rejects.toThrow(
    /^the worker cannot be made: Unauthorized; an admin has to end the Pods whose account is not known/,
  )
  close()
})

test('a quota that is used up is no room', async () => {
  const { api, close } = await apiOf({ status: 403, message: 'exceeded quota: pods' })
  const call = ask(
    'the Pod cannot be made',
    api.core.readNamespacedPod({ namespace: 'a', name: 'b' }),
  )
  await expect(call).rejects.toThrow(NoRoomNow)
  close()
})
