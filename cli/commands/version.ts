import { toggle } from '../arg.ts'
import { command } from '../command.ts'
import type { Context } from '../context.ts'
import { version } from '../version.ts'

export default command({
  examples: ['knit version --server'],
  args: { server: toggle('Also print that of the server of this directory.') },
  async run({ server }, ctx) {
    const more = server ? `server ${await theirs(ctx)}\n` : ''
    ctx.stdout.write(`${version}\n${more}`)
  },
})

/** What asks a server takes longer to load than all else. */
async function theirs(ctx: Context): Promise<string> {
  const { serverVersion } = await import('../server-version.ts')
  return serverVersion(ctx)
}
