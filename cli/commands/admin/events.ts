import * as z from 'zod'
import { admin } from '#shared/contracts/admin.ts'
import { api } from '../../api.ts'
import { flag, outputArgs, positional, toggle } from '../../args.ts'
import { eventColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { UsageError } from '../../failure.ts'
import { print } from '../../output.ts'

const { limit } = admin.events.query.shape

export default command({
  about:
    'List events that wait or that no delivery helped; `replay ID…` publishes dead ones again.',
  args: {
    words: positional(
      z.array(z.string()).default([]).describe('`replay` and the ids of dead events.'),
    ),
    dead: toggle('Those that no delivery helped.'),
    limit: flag(limit, { hint: 'N' }),
    ...outputArgs,
  },
  async run({ words: [verb, ...eventIds], dead, ...args }, ctx) {
    if (verb !== undefined && verb !== 'replay')
      throw new UsageError(`"${verb}" is nothing that can be done with events`)
    if (verb === 'replay' && eventIds.length === 0)
      throw new UsageError('there is no id of an event to replay', 'knit admin events --dead')
    if (verb === 'replay')
      return print(ctx, await api(ctx).call(admin.replay, { body: { eventIds } }, ctx), args, [
        ['REPLAYED', ({ replayed }) => String(replayed)],
      ])
    const query = { limit: args.limit, ...(dead && { dead: 'true' as const }) }
    print(ctx, await api(ctx).call(admin.events, query, ctx), args, eventColumns)
  },
})
