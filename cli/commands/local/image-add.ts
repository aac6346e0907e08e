import { resolve } from 'node:path'
import * as z from 'zod'
import { positional } from '../../args.ts'
import { command } from '../../command.ts'
import { runInForeground } from '../../foreground.mjs'
import { homeArgs, localHome, requireProgram } from '../../local-home.ts'

export default command({
  about: 'Register a root file system, or the archive of an image, under a name.',
  examples: ['knit local image add demo:v1 demo.tar'],
  args: {
    image: positional(z.string().describe('Name of the image, as NAME:TAG.')),
    source: positional(z.string().describe('A directory with a root file system, or an archive.')),
    ...homeArgs,
  },
  run(args, ctx) {
    const words = ['image', 'add', args.image, resolve(ctx.cwd, args.source)]
    return runInForeground([...requireProgram(ctx), ...words, '--home', localHome(ctx, args.home)])
  },
})
