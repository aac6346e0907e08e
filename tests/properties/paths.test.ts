import { once } from 'node:events'
import net from 'node:net'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { volumeFolder } from '#shared/adapters/folder-volumes.ts'
import { routes } from '#shared/contracts/index.ts'
import { isId } from '#shared/domain/ids.ts'
import type { Sql } from '#shared/database/sql.ts'
import { send, test as overSocket, type Front } from '#tests/support/over-socket.ts'
import { makeWorld } from '#tests/support/functions.ts'
import { routeFunctions } from '../../functions/functions.generated.ts'
import { findRoute, pathTable } from '../../functions/gateway/path-table.ts'

const id = '0d9fd6f0-0000-4000-8000-000000000000'
const words = routes.flatMap(({ path }) => path.split(/[/:]/)).filter(Boolean)

const tricks =
  '.. . %2e%2e %2E. %2f %2F %5c // %2f%2f %00 %0d%0a ; % ..; %252e%252e %c0%ae%c0%ae %uff0e * ~ @evil.test :80 etc/passwd %20'.split(
    ' ',
  )

/** Paths as those write them who look for a way around: nearly right, and all that has ever led out of somewhere. */
const path = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constant('/') },
      { weight: 6, arbitrary: fc.constantFrom('api', id, ...new Set(words)) },
      { weight: 3, arbitrary: fc.constantFrom(...tricks) },
      { weight: 1, arbitrary: fc.string({ unit: 'grapheme-ascii', maxLength: 3 }) },
    ),
    { maxLength: 12 },
  )
  .map((parts) => `/${parts.join('')}`.replace(/[\s\\?#]/g, '/'))

/** A path of a route, of which a part may be something else. */
const nearlyARoute = fc
  .tuple(fc.constantFrom(...routes), path, fc.boolean())
  .map(([{ path: ours }, other, isWhole]) =>
    isWhole ? ours.replace(/:\w+/, other.slice(1, 40)) : ours.replace(/:\w+/g, id) + other,
  )

/** A path of a route with something between two of its parts. */
const detour = fc
  .tuple(fc.constantFrom(...routes), fc.constantFrom('', ...tricks), fc.integer({ min: 1, max: 4 }))
  .map(([route, trick, at]) =>
    route.path
      .replace(/:\w+/g, id)
      .split('/')
      .flatMap((part, index) => (index === at ? [trick, part] : [part]))
      .join('/'),
  )
const anyPath = fc.oneof(path, nearlyARoute, detour)

const table = pathTable(routes)
const world = makeWorld({} as Sql)
const apps = new Map(routeFunctions.map((fn) => [fn.name, fn.app(world)]))

test('what the gateway has asked for a role is what the function serves, whatever the path is written like', async () => {
  let served = 0
  await fc.assert(
    fc.asyncProperty(
      anyPath,
      fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
      async (raw, method) => {
        const url = URL.parse(`http://gate.local${raw}`)
        if (!url) return
        const found = findRoute(table, method, url.pathname)
        if (found.kind !== 'route') return
        // As it is passed on: nobody but the function is asked.
        const onward = new URL(`${url.pathname}${url.search}`, 'http://function.local')
        expect(onward.host).toBe('function.local')
        const app = apps.get(found.route.name)
        if (!app) return
        const answered = await app.fetch(new Request(onward, { method }))
        // Who calls without an identity is told so where the path is served, and that there is nothing where it is not.
        if (answered.status !== 401) expect(await answered.text()).toContain('has an empty')
        served += 1
      },
    ),
    { numRuns: 3000 },
  )
  expect(served).toBeGreaterThan(100)
})

test('no path but that of a volume is ever made of the name of one', () => {
  fc.assert(
    fc.property(
      fc.oneof(anyPath, fc.string({ unit: 'binary' }), fc.constant(`data-knitid-${id}`)),
      (name) => {
        for (const given of [name, `data-knitid-${name}`, `data-knitid-${id}${name}`]) {
          let folder: string | undefined
          try {
            folder = volumeFolder({ volumes: '/volumes' }, given)
          } catch {
            continue
          }
          expect(folder).toMatch(/^\/volumes\/data-knitid-[0-9a-f-]{36}$/)
        }
        if (isId(name)) expect(name).toMatch(/^[0-9a-f-]{36}$/i)
      },
    ),
    { numRuns: 2000 },
  )
})

/** What comes back for a request line, as it is. */
async function raw({ root }: Front, line: string): Promise<string> {
  const socket = net.connect(Number(root.port), root.hostname)
  socket.write(`${line} HTTP/1.1\r\nhost: ${root.host}\r\nconnection: close\r\n\r\n`)
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  await once(socket, 'close')
  return text
}

overSocket(
  'over the wire a path leads to what is served there or is refused, and the server goes on',
  async ({ front }) => {
    await fc.assert(
      fc.asyncProperty(anyPath, async (path) => {
        if (/\/(events|log)\b/.test(path)) return
        const answer = await raw(front, `GET ${encodeURI(path).replaceAll('%25', '%')}`)
        expect(answer).toMatch(/^HTTP\/1\.1 (200|4\d\d) /)
        expect(answer).not.toContain('root:')
      }),
      { numRuns: 200 },
    )
    expect((await send(front, { path: '/api/data?tag=none:such' })).text).toBe('[]\n')
    expect(front.world.lines.filter((line) => line.includes('request failed'))).toEqual([])
  },
)
