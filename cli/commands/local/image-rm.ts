import * as z from 'zod'
import { positional } from '../../args.ts'
import { confirmed, yesArgs } from '../../ask.ts'
import { command } from '../../command.ts'
import { runInForeground } from '../../foreground.mjs'
import { localHome, requireProgram } from '../../local-home.ts'
import { homeArgs } from './home-args.ts'

export default command({
  about: 'Delete an image that was added.',
  examples: ['knit local image rm demo:v1'],
  args: {
    imageName: positional(z.string().describe('Name of the image, as NAME:TAG.')),
    ...homeArgs,
    ...yesArgs,
  },
  async run({ imageName, home: given, ...args }, ctx) {
    const program = requireProgram(ctx)
    const home = localHome(ctx, given)
    if (!(await confirmed(`Delete the image ${imageName} in ${home}?`, args, ctx))) return 0
    return runInForeground([...program, 'image', 'rm', imageName, '--home', home])
  },
})
