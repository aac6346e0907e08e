import { tokens } from '#shared/contracts/tokens.ts'
import { api } from '../../api.ts'
import { flag, outputArgs } from '../../args.ts'
import { tokenColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { print } from '../../output.ts'

const { limit } = tokens.list.query.shape

export default command({
  about: tokens.list.summary,
  examples: ['knit admin token list --output table'],
  args: { limit: flag(limit, { hint: 'N' }), ...outputArgs },
  async run({ limit, ...args }, ctx) {
    print(ctx, await api(ctx).call(tokens.list, { limit }, ctx), args, tokenColumns)
  },
})
