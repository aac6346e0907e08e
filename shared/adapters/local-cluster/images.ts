import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { replaceFile } from '#shared/files/replace-file.ts'
import { codeOf } from '#shared/files/error-code.ts'
import { discard } from '#shared/files/trash.ts'
import { unpackImage, type ImageConfig } from './image-archive.ts'
import type { Home } from './home.ts'
import { isWithin } from './mounts.ts'
import { realOf } from './private-folders.ts'
import { handOverTree } from './program-user.ts'

/** The host itself, as an image: its files, read-only. */
export const HOST_IMAGE = 'knit.local/host:1'

export type LocalImage = ImageConfig & {
  name: string
  /** What it was made of, as it was given. */
  source: string
  /** Where its root file system is. */
  base: string
}

const NAME = /^[a-z0-9][a-z0-9._/:-]{0,254}:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const PLAIN: ImageConfig = { entrypoint: [], cmd: [], env: {}, workingDir: '/' }

/** Registers a folder that holds a root file system, used in place, or an archive, which is unpacked. */
export async function addImage(home: Home, name: string, source: string): Promise<LocalImage> {
  if (name === HOST_IMAGE) throw new Error(`${HOST_IMAGE} is this machine; it cannot be replaced`)
  if (!NAME.test(name))
    throw new Error(`${JSON.stringify(name)} is not a name of the form NAME:TAG`)
  if (!isAbsolute(source)) throw new Error(`the path ${source} is not absolute`)

  const folder = folderOf(home, name)
  const draft = join(home.trash, randomUUID())
  mkdirSync(draft)
  try {
    const inPlace = statSync(source).isDirectory()
    if (inPlace && isWithin(realOf(source), realOf(home.folder)))
      throw new Error(`${source} is in the local home itself, whose files no program may see`)
    const base = inPlace ? source : join(folder, 'root')
    const config = inPlace ? PLAIN : await unpackImage(source, draft)
    // What an image has for its own user alone is for programs too; a folder in place stays as it is.
    if (!inPlace) await handOverTree(join(draft, 'root'), home.user)
    const image: LocalImage = { name, source, base, ...PLAIN, ...config }
    replaceFile(join(draft, 'image.json'), JSON.stringify(image))
    await discard(home, folder)
    renameSync(draft, folder)
    return image
  } finally {
    await discard(home, draft)
  }
}

export function findImage(home: Home, name: string): LocalImage | undefined {
  if (!NAME.test(name)) return undefined
  try {
    return JSON.parse(readFileSync(join(folderOf(home, name), 'image.json'), 'utf8'))
  } catch (error) {
    if (['ENOENT', 'ENAMETOOLONG'].includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}

export function listImages(home: Home): LocalImage[] {
  if (!existsSync(home.images)) return []
  const names = readdirSync(home.images).sort().map(decodeURIComponent)
  return names.map((name) => findImage(home, name)).filter((image) => image !== undefined)
}

/** Forgets an image; a folder it referred to stays. */
export async function removeImage(home: Home, name: string): Promise<void> {
  await discard(home, folderOf(home, name))
}

function folderOf(home: Home, name: string): string {
  if (!NAME.test(name))
    throw new Error(`${JSON.stringify(name)} is not a name of the form NAME:TAG`)
  return join(home.images, encodeURIComponent(name))
}
