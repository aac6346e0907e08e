import { admin } from '#shared/contracts/admin.ts'
import { api } from '../../api.ts'
import { flag, outputArgs } from '../../args.ts'
import { checkColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { Failure } from '../../failure.ts'
import { note, print } from '../../output.ts'

const { patience } = admin.check.query.shape

export default command({
  about: 'Check that everything holds that must always hold; fails when something does not.',
  examples: ['knit admin check --output table'],
  args: { patience: flag(patience, { hint: 'SECONDS' }), ...outputArgs },
  async run(args, ctx) {
    const checks = await api(ctx).call(admin.check, { patience: args.patience }, ctx)
    const wrong = checks.filter(({ state }) => state !== 'holds')
    print(ctx, wrong, args, checkColumns)
    note(ctx, `${checks.length - wrong.length} of ${checks.length} sentences hold`)
    const violated = wrong.filter(({ state }) => state === 'violated')
    if (violated.length > 0)
      throw new Failure(
        `The system is damaged: ${violated.map(({ sentence }) => `"${sentence}"`).join(', ')} does not hold`,
        'knit admin check --output table',
      )
    if (wrong.length > 0)
      throw new Failure('Not everything could be checked just now', 'knit admin check')
  },
})
