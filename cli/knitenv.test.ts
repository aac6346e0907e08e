import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stubOfTheWire } from '#shared/client/stub-of-the-wire.ts'
import { knit, projectFor } from './testing.ts'

test.each([
  ['tag: [', 'cannot be read'],
  ['tag: [a]', 'tag.0: the tag "a" has no colon'],
  ['- a', 'is no YAML mapping'],
])(
  'the knitenv %j keeps nobody from what needs none, and is told where it counts',
  async (text, why) => {
    await using stub = await stubOfTheWire(() => ({ json: [] }))
    const dir = projectFor(stub)
    writeFileSync(join(dir, 'knitenv'), text)
    for (const noun of ['data', 'plan', 'run'])
      expect(await knit([noun, 'find'], dir)).toEqual({ code: 0, stdout: '[]\n', stderr: '' })
    for (const words of [
      ['data', 'push', 'store'],
      ['plan', 'template', '--scratch'],
    ]) {
      const { code, stderr } = await knit(words, dir)
      expect(code).toBe(1)
      expect(stderr).toContain(join(dir, 'knitenv'))
      expect(stderr).toContain(why)
    }
    expect(stub.requests.map(({ method }) => method)).toEqual(['GET', 'GET', 'GET'])
  },
)
