import { homeIn, openHome } from '#shared/adapters/local-cluster/home.ts'
import {
  addImage,
  findImage,
  listImages,
  removeImage,
  type LocalImage,
} from '#shared/adapters/local-cluster/images.ts'
import { isHome, prepareHome } from '#shared/files/home-folder.ts'
import { plainMessage } from '#shared/files/plain-message.ts'
import { Misused, type Program } from '#shared/runtime/command-line.ts'
import { CannotStart, homeFolder } from './home.ts'

const options = { home: { type: 'string' } } as const

export const image: Program<typeof options> = {
  usage: `Usage: npm start -- image add NAME:TAG DIR|TAR | list | rm NAME:TAG [--home DIR]

The images of a local home, whether it runs or not.
`,
  options,
  takesWords: true,
  async run(values, [verb, name, source]) {
    const folder = homeFolder(values.home, process.env)
    if (verb === 'list') print(list(folder))
    else if (verb === 'add' && name && source) print(await add(folder, name, source))
    else if (verb === 'rm' && name) await remove(folder, name)
    else throw new Misused('The image, or what to do with it, is missing.')
  },
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
      `The image ${name} cannot be made of ${source}: ${plainMessage(error as Error)}\nUse: knit local image add NAME:TAG DIR|TAR`,
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
