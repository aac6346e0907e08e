import { withoutUser } from '#shared/domain/outside-url.ts'
import { outputArgs } from '../../args.ts'
import { command } from '../../command.ts'
import { print, type Column } from '../../output.ts'
import { Profile, profileName, readStore, storeFile } from '../../profile.ts'

/** Without `apiRoot` where it cannot be used; `profile use` says why. */
type Listed = { name: string; apiRoot?: string; used: boolean }

const columns: Column<Listed>[] = [
  ['NAME', ({ name }) => name],
  ['API ROOT', ({ apiRoot }) => apiRoot ?? '(cannot be used)'],
  ['USED HERE', ({ used }) => (used ? 'yes' : '')],
]

export default command({
  about: 'List the profiles that init has saved, and which one counts here.',
  examples: ['knit profile list --output table'],
  args: outputArgs,
  run(args, ctx) {
    const here = profileName(ctx)
    const listed = Object.entries(readStore(storeFile(ctx))).map(([name, profile]): Listed => {
      const { data } = Profile.safeParse(profile)
      return { name, apiRoot: data && withoutUser(data.apiRoot), used: name === here }
    })
    print(ctx, listed, args, columns)
  },
})
