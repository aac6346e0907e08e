import { parseArgs } from 'node:util'
import { openHome } from '#shared/adapters/local-cluster/home.ts'
import {
  addImage,
  findImage,
  listImages,
  removeImage,
} from '#shared/adapters/local-cluster/images.ts'
import { CannotStart, homeFolder } from './home.ts'

/** The images of a local home, whether it runs or not: `add NAME:TAG DIR|TAR`, `list`, `rm NAME:TAG`. */
export async function image(args: string[], env: NodeJS.ProcessEnv): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    options: { home: { type: 'string' } },
    allowPositionals: true,
  })
  const [verb, name, source] = positionals
  const home = openHome(homeFolder(values.home, env))
  if (verb === 'list') console.log(JSON.stringify(await listImages(home), null, 4))
  else if (verb === 'add' && name && source)
    console.log(JSON.stringify(await addImage(home, name, source), null, 4))
  else if (verb === 'rm' && name) {
    if (!findImage(home, name))
      throw new CannotStart(
        `There is no image ${name} here.\nSee what there is: knit local image list`,
      )
    await removeImage(home, name)
  } else throw new CannotStart('Use: image add NAME:TAG DIR|TAR, image list, or image rm NAME:TAG.')
}
