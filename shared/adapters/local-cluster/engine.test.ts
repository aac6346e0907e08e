import { expect, test } from 'vitest'
import { bind, call, confinement } from './engine.ts'
import { fullName } from './launch-in-container.ts'

test('a mount is named exactly, whatever is in a path', () => {
  expect(bind('/a, "b"', '/in:x=y', 'readonly')).toBe(
    '--mount=type=bind,"source=/a, ""b""","target=/in:x=y",readonly',
  )
})

test.each([
  ['python:3', 'docker.io/library/python:3'],
  ['me/tool:1', 'docker.io/me/tool:1'],
  ['ghcr.io/me/tool:1', 'ghcr.io/me/tool:1'],
  ['localhost/tool:1', 'localhost/tool:1'],
  ['registry:5000/tool:1', 'registry:5000/tool:1'],
])('the image %s is pulled as %s', (image, name) => expect(fullName(image)).toBe(name))

test('an engine that does not answer is given up', async () => {
  const answer = await call(['sleep'], ['1000'], { env: process.env, deadline: 50 })
  expect(answer).toMatchObject({ ok: false, error: 'no answer within 0.05 s' })
  expect(await call(['/no/such'], [], { env: {} })).toMatchObject({
    ok: false,
    error: expect.stringContaining('ENOENT'),
  })
})

test('no container gains privileges, whoever it runs as', () => {
  for (const user of [undefined, '1000:1000'])
    expect(confinement({ name: 'docker', user })).toEqual(
      expect.arrayContaining(['--cap-drop=ALL', '--security-opt=no-new-privileges']),
    )
})
