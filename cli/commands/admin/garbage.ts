import { admin } from '#shared/contracts/admin.ts'
import { api } from '../../api.ts'
import { toggle } from '../../arg.ts'
import { flag, outputArgs } from '../../args.ts'
import { garbageColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { print } from '../../output.ts'

const { limit } = admin.garbage.query.shape

export default command({
  about: admin.garbage.summary,
  examples: ['knit admin garbage --stuck --output table'],
  args: {
    stuck: toggle('Only those that could not be deleted.'),
    limit: flag(limit, { hint: 'N' }),
    ...outputArgs,
  },
  async run(args, ctx) {
    const query = { limit: args.limit, ...(args.stuck && { stuck: 'true' as const }) }
    print(ctx, await api(ctx).call(admin.garbage, query, ctx), args, garbageColumns)
  },
})
