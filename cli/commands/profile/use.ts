import * as z from 'zod'
import { positional } from '../../args.ts'
import { command } from '../../command.ts'
import { note } from '../../output.ts'
import { checkProfile, profileNamed, useProfile } from '../../profile.ts'

export default command({
  about: 'Let a profile that init has saved count in this directory, and below it.',
  examples: ['knit profile use team'],
  args: { profileName: positional(z.string().describe('Name of the profile.')) },
  run({ profileName }, ctx) {
    checkProfile(profileNamed(profileName, ctx), `the profile "${profileName}"`)
    useProfile(profileName, ctx)
    note(ctx, `the profile "${profileName}" counts in ${ctx.cwd}`)
  },
})
