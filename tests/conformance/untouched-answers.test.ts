import { globSync, readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { routes } from '#shared/contracts/index.ts'
import type { RouteSpec } from '#shared/contracts/route.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { withHealth } from '#shared/runtime/health.ts'
import { withSchema } from '#shared/runtime/with-schema.ts'
import { answer } from '#shared/runtime/web.ts'
import { test } from '#tests/support/api.ts'
import { openGateway } from '../../functions/gateway/open-gateway.ts'

/** An answer whose headers nobody may change: each copy of an answer, for the sake of one header, costs more than all else does. */
function sealed(): Response {
  const response = answer('known', { headers: { 'content-type': 'text/plain' } })
  const refuse = () => {
    throw new Error('somebody touched the headers of an answer that was made')
  }
  const headers = new Proxy(response.headers, {
    get: (target, name) =>
      ['set', 'append', 'delete'].includes(String(name))
        ? refuse
        : (Reflect.get(target, name, target) as unknown),
  })
  return Object.defineProperty(response, 'headers', { value: headers })
}

test.for(routes.map(({ name }) => name))(
  'what the handler of %s answers reaches the server as it is, through function and gateway',
  async (name, { ctx }) => {
    const contract = routes.find((route) => route.name === name)
    if (!contract) throw new Error(`there is no ${name}`)
    // Whatever the contract says of what is asked and answered, this is about what is around it.
    const { method, path, role } = contract
    const bare: RouteSpec = {
      method,
      path,
      role,
      summary: '',
      response: 'text/plain',
      problems: [],
    }
    const made = sealed()
    const fn = defineRoute({ name, ...bare }, async () => made)
    const front = openGateway(ctx, {
      routes: [fn.contract],
      forward: async (_, request, bindings) => fn.app(ctx).fetch(request, bindings),
    })
    const url = `http://127.0.0.1${path.replace(/:\w+/g, '0199c2a4-6d0e-7c11-9b57-0c4f4a1de001')}`
    const request = new Request(url, {
      method: method.toUpperCase(),
      headers: { host: '127.0.0.1' },
    })
    const served = withHealth(ctx, withSchema(ctx, front.fetch))
    expect(await served(request, {})).toBe(made)
  },
)

/** What would change an answer that somebody else has made: failures and streams, too, of which none is asked for above. */
const touches = [
  /\.use\(/,
  /\bawait next\(\)/,
  /\bc\.header\(/,
  /\bc\.res\b/,
  // An answer that is being made is nobody's yet.
  /(?<!\bthis)\.headers\.(set|append|delete)\(/,
]

test('no middleware touches headers after next: there is none, and nobody changes the headers of an answer that was made', () => {
  const sources = globSync('{functions,shared/runtime}/**/*.ts').filter(
    (path) => !path.endsWith('.test.ts'),
  )
  expect(sources.length).toBeGreaterThan(100)
  const found = sources.flatMap((path) => {
    const lines = readFileSync(path, 'utf8').split('\n')
    const at = lines.findIndex((line) => touches.some((touch) => touch.test(line)))
    return at < 0 ? [] : [`${path}:${at + 1}: ${lines[at]?.trim()}`]
  })
  expect(found).toEqual([])
})
