import { tokens } from '#shared/contracts/tokens.ts'
import { api } from '../../api.ts'
import { positional } from '../../args.ts'
import { confirmed, yesArgs } from '../../ask.ts'
import { command } from '../../command.ts'
import { note } from '../../output.ts'

export default command({
  about: tokens.revoke.summary,
  examples: ['knit admin token revoke ci'],
  args: { tokenName: positional(tokens.revoke.params.shape.name), ...yesArgs },
  async run({ tokenName: name, ...args }, ctx) {
    if (!(await confirmed(`Revoke the token "${name}"? Who uses it is let in no more.`, args, ctx)))
      return
    await api(ctx).call(tokens.revoke, { name }, ctx)
    note(ctx, `${name}: revoked`)
  },
})
