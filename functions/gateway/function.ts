import { routes } from '#shared/contracts/index.ts'
import { BadSettings } from '#shared/runtime/config.ts'
import type { World } from '#shared/runtime/context.ts'
import { capConnections } from '#shared/runtime/cap-connections.ts'
import { isOpenToAll } from './authenticate.ts'
import { forwardOverHttp } from './forward.ts'
import { openGateway } from './open-gateway.ts'

/** The gateway on its own, in front of functions that are reached over HTTP. */
export default {
  kind: 'gateway' as const,
  name: 'gateway',
  deploy: { as: 'deployment' as const, minScale: 1 },
  app: (world: World) => {
    const { config } = world
    if (isOpenToAll(config))
      throw new BadSettings(
        'Without KNIT_TOKEN the gateway listens on 127.0.0.1 only: set KNIT_TOKEN, or KNIT_HOST=127.0.0.1.',
      )
    return openGateway(world, { routes, forward: forwardOverHttp(config) })
  },
  onServer: capConnections,
}
