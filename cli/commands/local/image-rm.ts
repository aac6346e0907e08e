import * as z from 'zod'
import { positional } from '../../args.ts'
import { command } from '../../command.ts'
import { runInForeground } from '../../foreground.mjs'
import { homeArgs, localHome, requireProgram } from '../../local-home.ts'

export default command({
  about: 'Forget an image that was added.',
  examples: ['knit local image rm demo:v1'],
  args: { image: positional(z.string().describe('Name of the image, as NAME:TAG.')), ...homeArgs },
  run(args, ctx) {
    const words = ['image', 'rm', args.image, '--home', localHome(ctx, args.home)]
    return runInForeground([...requireProgram(ctx), ...words])
  },
})
