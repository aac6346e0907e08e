import { admin } from '#shared/contracts/admin.ts'
import { api } from '../../api.ts'
import { toggle } from '../../arg.ts'
import { flag, outputArgs } from '../../args.ts'
import { hookColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { print } from '../../output.ts'

const { limit } = admin.hooks.query.shape

export default command({
  about: admin.hooks.summary,
  examples: ['knit admin hooks --open --output table'],
  args: {
    open: toggle('Only those that no hook has taken.'),
    limit: flag(limit, { hint: 'N' }),
    ...outputArgs,
  },
  async run(args, ctx) {
    const query = { limit: args.limit, ...(args.open && { open: 'true' as const }) }
    print(ctx, await api(ctx).call(admin.hooks, query, ctx), args, hookColumns)
  },
})
