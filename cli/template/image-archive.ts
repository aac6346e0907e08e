import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { isDeepStrictEqual } from 'node:util'
import { createGunzip } from 'node:zlib'
import { extract } from 'tar-stream'
import * as z from 'zod'
import { shellLine } from '#shared/domain/shell.ts'
import { Failure } from '../failure.ts'

const texts = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? [])

/** What an image says about itself, as far as a plan needs it. */
const ImageConfig = z.object({
  os: z.string(),
  architecture: z.string(),
  rootfs: z.looseObject({}),
  config: z
    .object({
      Entrypoint: texts,
      Cmd: texts,
      Volumes: z
        .record(z.string(), z.unknown())
        .nullish()
        .transform((volumes) => Object.keys(volumes ?? {})),
      WorkingDir: z
        .string()
        .nullish()
        .transform((dir) => dir || '/'),
    })
    .default({ Entrypoint: [], Cmd: [], Volumes: [], WorkingDir: '/' }),
})

/** `manifest.json`, as `docker save` writes it. */
const Manifest = z.array(z.object({ Config: z.string(), RepoTags: texts }))

/** `index.json` of an OCI layout, and the manifests it names: these name the configurations. */
const OciIndex = z.object({
  manifests: z.array(
    z.object({ digest: z.string(), annotations: z.record(z.string(), z.string()).default({}) }),
  ),
})
const OciManifest = z.object({ config: z.object({ digest: z.string() }) })

export type Image = { tags: string[]; config: z.output<typeof ImageConfig>['config'] }

const largestConfig = 8 * 1024 * 1024

/** The images in an archive as `docker save` writes it, compressed or not. Layers are passed over. */
export async function readImages(archive: Readable, signal?: AbortSignal): Promise<Image[]> {
  const members = new Map<string, unknown>()
  for await (const { name, content } of jsonMembers(archive, signal)) members.set(name, content)
  const named = [...dockerTags(members), ...ociTags(members)]
  return [...members].flatMap(([name, content]) => {
    const image = ImageConfig.safeParse(content).data
    // Attestations look like images of an unknown system.
    if (!image || image.os === 'unknown') return []
    const tags = named.flatMap(([config, tag]) => (config === name ? [tag] : []))
    return [{ config: image.config, tags: [...new Set(tags)] }]
  })
}

/** The name of a configuration in the archive, and a tag of its image. */
type Named = [config: string, tag: string]

function dockerTags(members: Map<string, unknown>): Named[] {
  const images = Manifest.safeParse(members.get('manifest.json')).data ?? []
  return images.flatMap(({ Config, RepoTags }) => RepoTags.map((tag): Named => [Config, tag]))
}

function ociTags(members: Map<string, unknown>): Named[] {
  return entriesOf(members.get('index.json')).flatMap((entry): Named[] => {
    const blob = members.get(blobOf(entry.digest))
    // An image for several platforms, or with attestations, has an index of its own.
    const digests = [entry, ...entriesOf(blob)].map(({ digest }) => digest)
    const tag = tagOf(entry)
    return digests.flatMap((digest): Named[] => {
      const manifest = OciManifest.safeParse(members.get(blobOf(digest))).data
      return manifest && tag ? [[blobOf(manifest.config.digest), tag]] : []
    })
  })
}

type OciEntry = z.output<typeof OciIndex>['manifests'][number]

const entriesOf = (index: unknown): OciEntry[] => OciIndex.safeParse(index).data?.manifests ?? []

/** Of its two names one may be the mere tag. */
function tagOf({ annotations }: OciEntry): string | undefined {
  const names = ['io.containerd.image.name', 'org.opencontainers.image.ref.name']
  return names.map((name) => annotations[name]).find((text) => text?.includes(':'))
}

const blobOf = (digest: string): string => `blobs/${digest.replace(':', '/')}`

type Wanted = { image?: string; input: string }

/** The image of this tag; without one, the only image there is. `input` is where all of them came from. */
export function selectImage(images: Image[], { image: tag, input }: Wanted): Image {
  const tags = [...new Set(images.flatMap((image) => image.tags))]
  const candidates = tag === undefined ? images : images.filter((image) => image.tags.includes(tag))
  const [image] = candidates
  const others = candidates.filter((other) => other !== image && !isSame(other, image))
  const list = tags.length > 0 ? `; it has ${tags.join(', ')}` : ''
  if (!image && tag)
    throw new Failure(`the archive has no image ${tag}${list}`, naming(tags, input))
  if (!image)
    throw new Failure('the archive has no image', 'docker save IMAGE | knit plan template')
  if (others.length > 0)
    throw new Failure(`the archive has several images${list}`, naming(tags, input))
  return tag === undefined ? image : { ...image, tags: [tag] }
}

/** Whether they are one image for two platforms: what a plan needs of it is the same on both. */
const isSame = (one: Image, other: Image | undefined): boolean =>
  one.tags.length > 0 && isDeepStrictEqual(one, other)

const naming = ([tag = 'IMAGE:TAG']: string[], input: string): string =>
  shellLine(['knit', 'plan', 'template', tag, ...(input === '-' ? [] : ['--input', input])])

async function* jsonMembers(archive: Readable, signal?: AbortSignal) {
  const members = extract()
  // What fails on the way ends `members`, which tells.
  pipeline(archive, uncompressed, members as unknown as NodeJS.WritableStream, { signal }).catch(
    (error) => members.destroy(error),
  )
  for await (const member of members) {
    const { name, size, type } = member.header
    const wanted = type === 'file' && size > 1 && size <= largestConfig
    const text = wanted ? await textIfJson(member) : ''
    if (text === '') member.resume()
    else yield { name, content: parsed(text) }
  }
}

/** Looks at the first byte, so that layers are not gathered. */
async function textIfJson(member: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of member as AsyncIterable<Buffer>)
    if (chunks.length > 0 || /^[[{]/.test(String.fromCharCode(chunk[0] ?? 0))) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Undoes gzip where the first two bytes say so. */
async function* uncompressed(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]()
  const first = await chunks.next()
  if (first.done) return
  async function* all() {
    yield first.value
    yield* { [Symbol.asyncIterator]: () => chunks }
  }
  if (first.value[0] !== 0x1f || first.value[1] !== 0x8b) return yield* all()
  const content = createGunzip()
  pipeline(all, content).catch((error) => content.destroy(error))
  yield* content
}
