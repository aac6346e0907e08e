import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { entry, tgz } from '#shared/archive/test-archives.ts'
import { connectApi } from '#shared/client/connect.ts'
import { breakingLine } from '#tests/support/breaking-line.ts'
import { send, test, type Front } from '#tests/support/over-socket.ts'
import { knit, projectFor } from '../../cli/testing.ts'

const large = 8 << 20
// What the heads of requests and answers, and some lines of a list, may take.
const little = 16_384

/** Data of which a whole archive is large, as nothing makes it smaller. */
async function pushed(front: Front): Promise<string> {
  const many = Array.from({ length: 40 }, (_, index) => entry({ name: `small/${index}` }, 'text'))
  const body = tgz(...many, entry({ name: 'a-large' }, randomBytes(large)))
  const { text } = await send(front, { method: 'POST', path: '/api/data', body })
  return (JSON.parse(text) as { knitId: string }).knitId
}

test('to list large data, or to read a small file of them, little is downloaded', async ({
  front,
}) => {
  const knitId = await pushed(front)
  await using line = await breakingLine(front.root, [])
  const dir = projectFor(line)
  const listed = await knit(['data', 'ls', knitId], dir)
  expect(listed.stdout).toMatch(/^a-large\nsmall\/0\n/)
  expect(listed.stdout.split('\n')).toHaveLength(42)
  expect(await knit(['data', 'cat', knitId, 'small/7'], dir)).toEqual({
    code: 0,
    stdout: 'text',
    stderr: '',
  })
  expect(line.carried.down).toBeLessThan(little)
  // The measure is one: who pulls all of it downloads all of it.
  await knit(['data', 'pull', knitId], dir)
  expect(line.carried.down).toBeGreaterThan(large)
})

test('a file that is read over a line that breaks is read once, as it is', async ({ front }) => {
  const knitId = await pushed(front)
  const breaks = [200_000, 3_000_000, 8_000_000].map((down) => ({ down }))
  await using line = await breakingLine(front.root, breaks)
  const api = connectApi({ apiRoot: line.apiRoot })
  const bytes = Buffer.concat(await (await api.file(knitId, 'a-large')).toArray())
  const { body } = await send(front, { path: `/api/data/${knitId}/file?path=a-large` })
  expect(bytes.equals(body)).toBe(true)
  expect(bytes).toHaveLength(large)
  expect(line.carried.broken).toBe(3)
  expect(line.carried.down).toBeLessThan(large + 20_000)
})
