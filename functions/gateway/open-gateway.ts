import type { Hono } from 'hono'
import type { World } from '#shared/runtime/context.ts'
import type { NodeBindings } from '#shared/runtime/read-request.ts'
import { allowance } from './allowance.ts'
import { authenticator, signInOf, waysIn } from './authenticate.ts'
import { clientAddress } from './client-address.ts'
import { extraApis } from './extra-apis.ts'
import { gateway, type GatewayOptions } from './gateway.ts'
import openapi from './openapi.generated.json' with { type: 'json' }
import { passings, refusals } from './refusals.ts'
import { tellRefusals } from './tell-refusals.ts'
import { throttled, throttledByAddress } from './throttle.ts'

/** The gateway as the settings say, before functions that are reached by `forward`. */
export function openGateway(
  world: Pick<World, 'config' | 'sql' | 'log' | 'metrics' | 'tracer'>,
  behind: Pick<GatewayOptions, 'routes' | 'forward' | 'tellMetrics'>,
): Hono<{ Bindings: NodeBindings }> {
  const { signingKey, trustedProxies, maxRequestRate, maxFailedSignIns, maxOpenRequests } =
    world.config
  const signIn = authenticator(waysIn(world))
  const authenticate = throttled(signIn, {
    requests: allowance({ times: maxRequestRate * 10, seconds: 10 }),
    failures: allowance({ times: maxFailedSignIns, seconds: 60 }),
  })
  return gateway({
    ...behind,
    signingKey,
    addressOf: clientAddress(trustedProxies),
    authenticate: tellRefusals(authenticate, world.log),
    stillGood: tellRefusals(signIn, world.log),
    admit: throttledByAddress(allowance({ times: maxOpenRequests, seconds: 60 })),
    refused: refusals(world),
    passedOn: passings(world),
    signIn: signInOf(world.config),
    outside: extraApis(world.config),
    openapi,
    metrics: world.metrics,
    tracer: world.tracer,
  })
}
