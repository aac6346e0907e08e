import { existsSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import * as z from 'zod'
import { pack } from '#shared/archive/pack.ts'
import type { KnitApi } from '#shared/client/connect.ts'
import { data } from '#shared/contracts/data.ts'
import type { Coding } from '#shared/domain/archive-type.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import { LocalPath } from '#shared/domain/local-path.ts'
import { formatTag, isSystemTag, sortTags, type Tag } from '#shared/domain/tag.ts'
import { shellLine } from '#shared/domain/shell.ts'
import { api } from '../../api.ts'
import { toggle } from '../../arg.ts'
import { flag, outputArgs, positional } from '../../args.ts'
import { dataColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import type { Context } from '../../context.ts'
import { Failure, UsageError } from '../../failure.ts'
import { UserTag } from '../../formats.ts'
import { loadKnitenv } from '../../knitenv.ts'
import { note, Printer } from '../../output.ts'
import { counted, onward, progress } from '../../progress.ts'
import { treeSize } from '../../tree-size.ts'
import { archiveOnStdin } from './archive-on-stdin.ts'

export default command({
  about: data.push.summary,
  examples: [
    'knit data push ./photos --tag type:photo --name',
    'knit data push labels.csv more.csv --output name',
    'tar c --exclude .git . | knit data push - --tag type:code',
  ],
  args: {
    source: positional(
      z
        .array(LocalPath)
        .min(1)
        .describe('A directory, or a single file; - is a tar archive on stdin.'),
    ),
    tag: flag(
      z.array(UserTag).default([]).describe('A tag to put on the data, besides those of knitenv.'),
      { short: 't', hint: 'KEY:VALUE' },
    ),
    name: toggle('Also put the tag name:<name of the source>.', { short: 'n' }),
    dereference: toggle('Follow symbolic links instead of keeping them.', { short: 'L' }),
    ...outputArgs,
  },
  async run({ source: sources, tag, name, dereference, output }, ctx) {
    const shared = [...loadKnitenv(ctx).tag, ...tag]
    if (sources.includes(stdin)) requireArchive({ sources, name }, ctx)
    const present = sources.filter(
      (source) => source === stdin || existsSync(resolve(ctx.cwd, source)),
    )
    const client = api(ctx)
    using printer = new Printer(ctx, { output }, dataColumns)
    for (const source of present) {
      const tags = sortTags([...shared, ...(name ? [nameTag(source)] : [])])
      const pushed = await push(client, { source, tags, dereference }, ctx)
      printer.add(await completeTags(client, pushed, tags, ctx))
    }
    const missing = sources.filter((source) => !present.includes(source))
    if (missing.length > 0)
      throw new Failure(
        `not pushed, as there is no such file: ${missing.join(', ')}`,
        shellLine(['ls', dirname(missing[0] ?? '.')]),
      )
  },
})

const stdin = '-'

function requireArchive({ sources, name }: { sources: string[]; name: boolean }, ctx: Context) {
  if (sources.indexOf(stdin) !== sources.lastIndexOf(stdin))
    throw new UsageError('what comes on stdin can be pushed once')
  if (name)
    throw new UsageError('what comes on stdin has no name; give it one with --tag name:NAME')
  if (ctx.stdin().isTTY)
    throw new UsageError('no archive comes on stdin', 'tar c DIRECTORY | knit data push -')
}

const nameTag = (source: string): Tag => ({ key: 'name', value: basename(source) })

type Upload = { source: string; tags: Tag[]; dereference: boolean }

async function push(client: KnitApi, upload: Upload, ctx: Context): Promise<DataDetail> {
  const isPiped = upload.source === stdin
  const pushed = await (isPiped ? pushArchive : pushTree)(client, upload, ctx)
  note(ctx, `${isPiped ? 'stdin' : upload.source}: registered as ${pushed.knitId}`)
  return pushed
}

/** It comes once, so nothing goes on where a line broke. */
async function pushArchive(client: KnitApi, { tags }: Upload, ctx: Context) {
  try {
    const archive = counted(await archiveOnStdin(ctx), 'stdin', ctx)
    return await client.push(archive, { tags: tags.map(formatTag), signal: ctx.signal })
  } finally {
    // A server may refuse it early; and what is still to come may never come.
    ctx.stdin().destroy()
  }
}

async function pushTree(client: KnitApi, { source, tags, dereference }: Upload, ctx: Context) {
  const { signal } = ctx
  const path = resolve(ctx.cwd, source)
  using size = sizeWhilePacking(path, dereference, ctx)
  const bar = onward(progress(ctx, () => size.bytes))
  const options = { dereference, signal, onProgress: bar.update }
  const made = (coding: Coding) => pack(path, { ...options, coding })
  const sent = client.push(made, { tags: tags.map(formatTag), signal })
  return sent.finally(bar.end)
}

/** How much there will be is found out meanwhile, if somebody looks. */
function sizeWhilePacking(path: string, dereference: boolean, { stderr }: Context) {
  const packed = new AbortController()
  const { signal } = packed
  const size = { bytes: undefined as number | undefined, [Symbol.dispose]: () => packed.abort() }
  if (stderr.isTTY)
    treeSize(path, { dereference, signal }).then(
      (bytes) => {
        size.bytes = bytes
      },
      () => {},
    )
  return size
}

/** Puts the tags that the server left out: some know no tags at an upload. */
async function completeTags(client: KnitApi, pushed: DataDetail, tags: Tag[], ctx: Context) {
  const add = tags.filter((tag) => !isSystemTag(tag) && !pushed.tags.includes(formatTag(tag)))
  if (add.length === 0) return pushed
  const { knitId } = pushed
  try {
    return await client.call(data.tag, { knitId, body: { add } }, ctx)
  } catch (cause) {
    const wanted = add.flatMap((tag) => ['--add', formatTag(tag)])
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Failure(
      `${knitId} is registered, but could not be tagged: ${why}`,
      shellLine(['knit', 'data', 'tag', knitId, ...wanted]),
      { cause },
    )
  }
}
