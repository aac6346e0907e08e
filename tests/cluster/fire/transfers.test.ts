import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { test } from './fire.ts'
import { functionNamed } from './pods.ts'
import { expectInOrder } from './verdict.ts'
import { run } from '../phase.ts'

// Large enough to be on its way for a while on a loopback.
const size = 512 * 1024 * 1024

test('an upload and a download go on when those who pass on their bytes are told to end in the middle, and are whole', async ({
  folder,
  knit,
  there: { namespace },
  pods,
}) => {
  const source = join(folder, 'source')
  mkdirSync(source)
  const file = join(source, 'random')
  writeFileSync(file, randomBytes(size))
  const endAll = async () => {
    for (const service of ['api-data-push', 'api-data-pull', 'gateway']) {
      const before = await pods.list(functionNamed(service))
      // With the time that they have to end.
      const one = ['delete', 'pod', '--wait=false', '--selector', functionNamed(service)]
      await run(['kubectl', '-n', namespace, ...one])
      await pods.replaced(functionNamed(service), before)
    }
  }
  const [pushed] = await Promise.all([knit('data', 'push', source), endAll()])
  const { knitId } = JSON.parse(pushed) as { knitId: string }
  const into = join(folder, 'pulled')
  mkdirSync(into)
  await Promise.all([knit('data', 'pull', '-x', knitId, into), endAll()])
  expect(readFileSync(join(into, knitId, 'random')).equals(readFileSync(file))).toBe(true)
  await expectInOrder(knit)
})
