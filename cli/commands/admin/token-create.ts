import { tokens } from '#shared/contracts/tokens.ts'
import { api } from '../../api.ts'
import { flag, outputArgs, positional } from '../../args.ts'
import { asCalled } from '../../called.ts'
import { tokenColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { Span } from '../../formats.ts'
import { note, print } from '../../output.ts'

const { name, role } = tokens.create.body.shape

export default command({
  about: tokens.create.summary,
  examples: ['knit admin token create ci --role user --expires 30d'],
  args: {
    name: positional(name),
    role: flag(role),
    expires: flag(Span.prefault('90d').describe('How long it is good for, such as 12h.'), {
      hint: 'SPAN',
    }),
    ...outputArgs,
  },
  async run({ name, role, expires, ...args }, ctx) {
    const body = { name, role, lifetime: expires }
    const token = await api(ctx).call(tokens.create, { body }, ctx)
    print(ctx, token, args, [...tokenColumns, ['SECRET', ({ secret }) => secret]])
    const keep = 'knit init KNIT_PROFILE_FILE --token-file FILE'
    note(
      ctx,
      `the secret is shown this once; who is to use it keeps it in a file: ${asCalled(keep, ctx)}`,
    )
  },
})
