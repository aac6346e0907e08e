import { parseArgs } from 'node:util'
import { homeIn, openHome } from '#shared/adapters/local-cluster/home.ts'
import {
  addImage,
  findImage,
  listImages,
  removeImage,
  type LocalImage,
} from '#shared/adapters/local-cluster/images.ts'
import { isHome, prepareHome } from '#shared/files/home-folder.ts'
import { CannotStart, homeFolder } from './home.ts'

/** The images of a local home, whether it runs or not: `add NAME:TAG DIR|TAR`, `list`, `rm NAME:TAG`. */
export async function image(args: string[], env: NodeJS.ProcessEnv): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    options: { home: { type: 'string' } },
    allowPositionals: true,
  })
  const [verb, name, source] = positionals
  const folder = homeFolder(values.home, env)
  if (verb === 'list') print(list(folder))
  else if (verb === 'add' && name && source) print(await add(folder, name, source))
  else if (verb === 'rm' && name) await remove(folder, name)
  else throw new CannotStart('Use: image add NAME:TAG DIR|TAR, image list, or image rm NAME:TAG.')
}

const print = (value: unknown): void => console.log(JSON.stringify(value, null, 4))

/** Before the first start there are none, and looking for them makes no home. */
function list(folder: string): LocalImage[] {
  return isHome(folder) ? listImages(homeIn(folder)) : []
}

async function add(folder: string, name: string, source: string): Promise<LocalImage> {
  prepareHome(folder)
  try {
    return await addImage(openHome(folder), name, source)
  } catch (error) {
    throw new CannotStart(
      `The image ${name} cannot be made of ${source}: ${(error as Error).message}\nUse: knit local image add NAME:TAG DIR|TAR`,
      { cause: error },
    )
  }
}

async function remove(folder: string, name: string): Promise<void> {
  const home = homeIn(folder)
  if (!isHome(folder) || !findImage(home, name))
    throw new CannotStart(
      `There is no image ${name} here.\nSee what there is: knit local image list`,
    )
  await removeImage(home, name)
}
