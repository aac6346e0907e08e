import type { Hono } from 'hono'
import type { World } from '#shared/runtime/context.ts'
import type { NodeBindings } from '#shared/runtime/read-request.ts'
import { authenticator, waysIn } from './authenticate.ts'
import { clientAddress } from './client-address.ts'
import { gateway, type GatewayOptions } from './gateway.ts'
import openapi from './openapi.generated.json' with { type: 'json' }
import { refusals } from './refusals.ts'

/** The gateway as the settings say, before functions that are reached by `forward`. */
export function openGateway(
  world: Pick<World, 'config' | 'sql' | 'log'>,
  behind: Pick<GatewayOptions, 'routes' | 'forward'>,
): Hono<{ Bindings: NodeBindings }> {
  const { signingKey, trustedProxies } = world.config
  return gateway({
    ...behind,
    signingKey,
    addressOf: clientAddress(trustedProxies),
    authenticate: authenticator(waysIn(world)),
    refused: refusals(world),
    openapi,
  })
}
