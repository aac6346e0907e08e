import { parseArgs } from 'node:util'
import { openHome, type Home } from '#shared/adapters/local-cluster/home.ts'
import {
  addImage,
  findImage,
  listImages,
  removeImage,
  type LocalImage,
} from '#shared/adapters/local-cluster/images.ts'
import { CannotStart, homeFolder } from './home.ts'

async function added(home: Home, name: string, source: string): Promise<LocalImage> {
  try {
    return await addImage(home, name, source)
  } catch (error) {
    throw new CannotStart(
      `The image ${name} cannot be made of ${source}: ${(error as Error).message}\nUse: knit local image add NAME:TAG DIR|TAR`,
      { cause: error },
    )
  }
}

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
    console.log(JSON.stringify(await added(home, name, source), null, 4))
  else if (verb === 'rm' && name) {
    if (!findImage(home, name))
      throw new CannotStart(
        `There is no image ${name} here.\nSee what there is: knit local image list`,
      )
    await removeImage(home, name)
  } else throw new CannotStart('Use: image add NAME:TAG DIR|TAR, image list, or image rm NAME:TAG.')
}
