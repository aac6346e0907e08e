import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { test as base, expect } from 'vitest'
import { connectApi } from '#shared/client/connect.ts'
import { data } from '#shared/contracts/data.ts'
import { ended, pullText, shellPlan } from '#tests/support/home-work.ts'
import { startHome, temporaryFolder } from '#tests/support/local-home.ts'
import { until } from '#tests/support/until.ts'

const test = base.extend<{ folder: string }>({
  folder: async ({}, use) => {
    const folder = await temporaryFolder()
    await use(folder.path)
    await folder.remove()
  },
})

test('a folder that somebody makes in a local home is imported, and programs read it', async ({
  folder,
}) => {
  const home = join(folder, 'home')
  const running = await startHome(home)
  const { apiRoot } = running
  const api = connectApi({ apiRoot })
  const plan = await shellPlan(
    api,
    'type:imported',
    'tr a-z A-Z < /in/text > /out/text',
    'type:loud',
  )

  const begun = await fetch(`${apiRoot}/backend/data/import/begin`, { method: 'POST' })
  const token = await begun.text()
  const { sub = '', ...claims } = decodeJwt(token)
  const knitId = String(claims['knitfab/knitId'])
  const end = () =>
    fetch(`${apiRoot}/backend/data/import/end`, {
      method: 'POST',
      headers: { 'content-type': 'application/jwt' },
      body: token,
    })
  expect((await end()).status).toBe(400)
  mkdirSync(join(home, 'volumes', sub))
  writeFileSync(join(home, 'volumes', sub, 'text'), 'hello')
  expect((await end()).status).toBe(200)

  const imported = await until(async () => {
    const shown = await api.call(data.show, { knitId })
    return shown.upstream.run.status === 'done' ? shown : undefined
  })
  expect(imported.content).toMatchObject({ bytes: 5, files: 1 })
  expect((await end()).status).toBe(401)
  await api.call(data.tag, { knitId, body: { add: ['type:imported'] } })
  const run = await until(() => ended(api, plan))
  expect(run).toMatchObject({ status: 'done', inputs: [{ knitId }] })
  expect(await pullText(api, folder, run.outputs[0]?.knitId ?? '')).toBe('HELLO')
  expect(await running.stop()).toBe(0)
})
