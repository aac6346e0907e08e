import { resolve } from 'node:path'
import * as z from 'zod'
import { LocalPath } from '#shared/domain/local-path.ts'
import { outputArgs, positional } from '../../args.ts'
import { command } from '../../command.ts'
import { printImages } from '../../local-images.ts'
import { homeArgs } from './home-args.ts'

export default command({
  about: 'Register a root file system, or the archive of an image, under a name.',
  examples: ['knit local image add demo:v1 demo.tar'],
  args: {
    imageName: positional(z.string().describe('Name of the image, as NAME:TAG.')),
    source: positional(LocalPath.describe('A directory with a root file system, or an archive.')),
    ...homeArgs,
    ...outputArgs,
  },
  run: ({ imageName, source, ...args }, ctx) =>
    printImages(['add', imageName, resolve(ctx.cwd, source)], args, ctx),
})
