import type { CallOptions } from '#shared/client/api.ts'
import type { KnitApi } from '#shared/client/connect.ts'
import { data, mostFiles } from '#shared/contracts/data.ts'
import type { FileEntry } from '#shared/domain/file-list.ts'
import { insidePath } from './commands/data/inside-path.ts'

type Asked = { knitId: string; typed: string; most: number }

/** What a path within data could go on with, one level further, some of it: files, and directories with a slash behind. */
export async function namesInData(
  client: KnitApi,
  { knitId, typed, most }: Asked,
  options: CallOptions,
): Promise<string[]> {
  const above = typed.slice(0, typed.lastIndexOf('/') + 1)
  const path = insidePath(above)
  const found = new Set<string>()
  let after: string | undefined
  do {
    const part = await client.call(data.ls, { knitId, path, limit: mostFiles, after }, options)
    const words = part.files.map((file) => `${above}${firstName(file, path)}`)
    for (const word of words) if (word !== above && word.startsWith(typed)) found.add(word)
    after = part.after && behindFirst(part.after)
  } while (after !== undefined && found.size < most)
  return [...found]
}

/** The first name on the way from a directory to what is listed of it; '' for the directory itself. */
function firstName({ path, type }: FileEntry, above: string): string {
  const [first = '', ...below] = path.slice(above === '' ? 0 : above.length + 1).split('/')
  return below.length > 0 || (type === 'directory' && first !== '') ? `${first}/` : first
}

// The last of all letters: what lies in a directory is passed over, however much that is.
function behindFirst(after: string): string {
  const [first = '', ...below] = after.split('/')
  return below.length > 0 ? `${first}/\u{10ffff}` : first
}
