import { tokens } from '#shared/contracts/tokens.ts'
import { api } from '../../api.ts'
import { positional } from '../../args.ts'
import { command } from '../../command.ts'
import { note } from '../../output.ts'

export default command({
  about: tokens.revoke.summary,
  args: { name: positional(tokens.revoke.params.shape.name) },
  async run({ name }, ctx) {
    await api(ctx).call(tokens.revoke, { name }, ctx)
    note(ctx, `${name}: revoked`)
  },
})
