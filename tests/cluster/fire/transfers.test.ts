import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { heldLine } from '#tests/support/held-line.ts'
import { knitIn } from '../installed.ts'
import { run } from '../phase.ts'
import { test } from './fire.ts'
import { functionNamed } from './pods.ts'
import { expectInOrder } from './verdict.ts'

const size = 64 * 1024 * 1024

test('an upload and a download go on when those who pass on their bytes are told to end in the middle, and are whole', async ({
  folder,
  signal,
  there,
  pods,
}) => {
  const { namespace, apiRoot, token } = there
  const source = join(folder, 'source')
  mkdirSync(source)
  const file = join(source, 'random')
  writeFileSync(file, randomBytes(size))
  const end = async (service: string) => {
    const before = await pods.list(functionNamed(service))
    expect(before.length).toBeGreaterThan(0)
    // With the time that they have to end.
    const one = ['delete', 'pod', '--wait=false', '--selector', functionNamed(service)]
    await run(['kubectl', '-n', namespace, ...one])
    await pods.replaced(functionNamed(service), before)
  }
  /** A command whose bytes stand still half way until all who pass them on are others. */
  const inTheMiddle = async (...words: string[]) => {
    await using line = await heldLine(new URL(apiRoot), size / 2)
    const through = await knitIn(folder, { apiRoot: line.apiRoot, token }, signal)
    const transfer = through(...words)
    await Promise.race([line.reached, transfer.then(wasTooShort)])
    await Promise.all(['api-data-push', 'api-data-pull', 'gateway'].map(end))
    line.goOn()
    return await transfer
  }
  const { knitId } = JSON.parse(await inTheMiddle('data', 'push', source)) as { knitId: string }
  const into = join(folder, 'pulled')
  mkdirSync(into)
  await inTheMiddle('data', 'pull', '-x', knitId, into)
  expect(readFileSync(join(into, knitId, 'random')).equals(readFileSync(file))).toBe(true)
  await expectInOrder(await knitIn(folder, there, signal))
})

const wasTooShort = (): never => {
  throw new Error('it was over before it was half way')
}
