import { access } from '#shared/contracts/access.ts'
import { api } from '../api.ts'
import { outputArgs } from '../args.ts'
import { command } from '../command.ts'
import { print } from '../output.ts'

export default command({
  examples: ['knit whoami --output json'],
  args: outputArgs,
  async run(args, ctx) {
    print(ctx, await api(ctx).call(access.whoami, {}, ctx), args, [
      ['NAME', ({ name }) => name],
      ['ROLE', ({ role }) => role],
      ['FROM', ({ address }) => address ?? ''],
    ])
  },
})
