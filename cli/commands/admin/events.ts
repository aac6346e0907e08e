import * as z from 'zod'
import { admin } from '#shared/contracts/admin.ts'
import { api } from '../../api.ts'
import { toggle } from '../../arg.ts'
import { flag, outputArgs, positional } from '../../args.ts'
import { confirmed, yesArgs } from '../../ask.ts'
import { eventColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { UsageError } from '../../failure.ts'
import { print } from '../../output.ts'

const { dead, limit } = admin.events.query.shape

export default command({
  about:
    'List undelivered events; `replay ID…` publishes dead ones again, `drop ID…` forgets them.',
  examples: ['knit admin events --dead --output table', 'knit admin events replay EVENT_ID'],
  args: {
    verb: positional(
      z.enum(['replay', 'drop']).optional().describe('replay or drop; without it they are listed.'),
    ),
    eventId: positional(z.array(z.string()).default([]).describe('Ids of dead events.')),
    dead: toggle(dead.description ?? ''),
    limit: flag(limit, { hint: 'N' }),
    ...yesArgs,
    ...outputArgs,
  },
  async run({ verb, eventId: eventIds, dead, ...args }, ctx) {
    if (verb === undefined) {
      const query = { limit: args.limit, ...(dead && { dead: 'true' as const }) }
      return print(ctx, await api(ctx).call(admin.events, query, ctx), args, eventColumns)
    }
    if (eventIds.length === 0)
      throw new UsageError(`there is no id of an event to ${verb}`, 'knit admin events --dead')
    const body = { eventIds }
    if (verb === 'replay')
      return print(ctx, await api(ctx).call(admin.replay, { body }, ctx), args, [
        ['REPLAYED', ({ replayed }) => String(replayed)],
      ])
    if (!(await confirmed(`Forget ${eventIds.length} dead events?`, args, ctx))) return
    print(ctx, await api(ctx).call(admin.drop, { body }, ctx), args, [
      ['DROPPED', ({ dropped }) => String(dropped)],
    ])
  },
})
