import { expect, test } from 'vitest'
import { stubOfTheWire } from '#shared/client/stub-of-the-wire.ts'
import openapi from '../../functions/gateway/openapi.generated.json' with { type: 'json' }
import { knit, projectFor } from '../testing.ts'
import { version } from '../version.ts'

test('version asks nobody, and with --server the one of this directory', async () => {
  await using stub = await stubOfTheWire(() => ({ json: openapi }))
  const dir = projectFor(stub)
  expect((await knit(['version'], dir)).stdout).toBe(`${version}\n`)
  expect(stub.requests).toEqual([])
  // Those of a checkout are of one release.
  const both = `${version}\nserver ${version}\n`
  expect((await knit(['version', '--server'], dir)).stdout).toBe(both)
  expect(stub.requests.map(({ url }) => url)).toEqual(['/api/openapi.json'])
})
