import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Format } from './args.ts'
import type { Context } from './context.ts'
import { runInForeground } from './foreground.mjs'
import { localHome, requireProgram } from './local-home.ts'
import { print, type Column } from './output.ts'

/** An image of a local home, as its program tells of it. */
type LocalImage = { name: string; source: string; base: string }

const columns: Column<LocalImage>[] = [
  ['IMAGE', ({ name }) => name],
  ['MADE OF', ({ source }) => source],
]

type Asked = { home?: string | undefined; output: Format }

/** Has the program of the local home do something with its images, and prints which it tells of. Answers its exit code. */
export async function printImages(words: string[], asked: Asked, ctx: Context): Promise<number> {
  let told = ''
  const call = [...requireProgram(ctx), 'image', ...words, '--home', localHome(ctx, asked.home)]
  const code = await runInForeground(call, { read: (text) => (told += text) })
  if (code === 0) print(ctx, JSON.parse(told) as LocalImage | LocalImage[], asked, columns)
  return code
}

/** The images that were added. */
export async function localImages(home: string | undefined, ctx: Context): Promise<LocalImage[]> {
  const [file = '', ...args] = requireProgram(ctx)
  const words = [...args, 'image', 'list', '--home', localHome(ctx, home)]
  const { stdout } = await promisify(execFile)(file, words, { signal: ctx.signal })
  return JSON.parse(stdout) as LocalImage[]
}
