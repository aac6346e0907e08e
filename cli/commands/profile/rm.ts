import * as z from 'zod'
import { positional } from '../../args.ts'
import { confirmed, yesArgs } from '../../ask.ts'
import { command } from '../../command.ts'
import { note } from '../../output.ts'
import { profileNamed, readStore, saveStore, storeFile } from '../../profile.ts'
import { alone } from '../../sign-in/alone.ts'
import { forgetSession } from '../../sign-in/sessions.ts'

export default command({
  about: 'Forget a profile that init has saved; the system it leads to stays as it is.',
  examples: ['knit profile rm team'],
  args: { profileName: positional(z.string().describe('Name of the profile.')), ...yesArgs },
  async run({ profileName, ...args }, ctx) {
    profileNamed(profileName, ctx)
    const store = storeFile(ctx)
    if (!(await confirmed(`Forget the profile "${profileName}" in ${store}?`, args, ctx))) return
    const { [profileName]: _, ...others } = readStore(store)
    saveStore(store, others)
    await alone(ctx, () => forgetSession(profileName, ctx))
    note(ctx, `the profile "${profileName}" is forgotten`)
  },
})
