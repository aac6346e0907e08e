import { withoutUser } from '#shared/domain/outside-url.ts'
import { outputArgs } from '../../args.ts'
import { command } from '../../command.ts'
import { print, type Column } from '../../output.ts'
import { checkProfile, profileName, readStore, storeFile } from '../../profile.ts'

type Listed = { name: string; apiRoot: string; used: boolean }

const columns: Column<Listed>[] = [
  ['NAME', ({ name }) => name],
  ['API ROOT', ({ apiRoot }) => apiRoot],
  ['USED HERE', ({ used }) => (used ? 'yes' : '')],
]

export default command({
  about: 'List the profiles that init has saved, and which one counts here.',
  examples: ['knit profile list --output table'],
  args: outputArgs,
  run(args, ctx) {
    const store = storeFile(ctx)
    const here = profileName(ctx)
    const listed = Object.entries(readStore(store)).map(([name, profile]) => {
      const { apiRoot } = checkProfile(profile, `the profile "${name}" in ${store}`)
      return { name, apiRoot: withoutUser(apiRoot), used: name === here }
    })
    print(ctx, listed, args, columns)
  },
})
