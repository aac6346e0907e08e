import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { DataDetail } from '#shared/domain/data.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { tagOf } from './chains.ts'
import { projectTag, type Stage } from './stage.ts'

export type Provided = { data: DataDetail; isNew: boolean }

/** Pushes a folder, unless the very same content is there from an earlier demo. */
export async function provideData(
  stage: Stage,
  { name, type, folder }: { name: string; type: string; folder: string },
): Promise<Provided> {
  const tags = [projectTag, `type:${type}`, `name:${name}`, await contentTag(folder)]
  stage.screen.live(`pushing ${name} …`)
  const there = (await stage.knit.findData(tags)).find((data) => !tagOf(data, 'knit#transient'))
  const data = there ?? (await stage.knit.push(folder, tags))
  stage.names.set(data.knitId, name)
  return { data, isNew: !there }
}

export function describeProvided({ data, isNew }: Provided): string[] {
  const time = tagOf(data, 'knit#timestamp')
  return [
    tagOf(data, 'name') ?? '',
    data.knitId,
    `type:${tagOf(data, 'type')}`,
    isNew || !time ? '' : `already here, from ${new Date(time).toLocaleString('sv')}`,
  ]
}

/** Says which content it is, so that a later demo knows its own data again. */
async function contentTag(folder: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of (await readdir(folder)).sort())
    hash.update(`${name}\0`).update(await readFile(join(folder, name)))
  return `content:${hash.digest('hex').slice(0, 16)}`
}

type PlanFile = {
  entrypoint: string[]
  args: string[]
  inputs: { path: string; tags: string[] }[]
  outputs: { path: string; tags: string[] }[]
}

/** Registers a plan, unless it is there from an earlier demo. The file is kept in the demo's folder. */
export async function providePlan(
  stage: Stage,
  { file, image }: { file: string; image?: string },
): Promise<{ plan: PlanDetail; isNew: boolean }> {
  const text = await readFile(join(import.meta.dirname, 'plans', file), 'utf8')
  const yaml = image ? text.replace(/^image: .*$/m, `image: ${image}`) : text
  const folder = join(stage.folder, 'plans')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, file), yaml)

  const wanted = parse(yaml) as PlanFile & { image: string }
  const found = await stage.knit.findPlans(wanted.image)
  const there = found.find((plan) => outline(plan) === outline(wanted))
  if (!there) return { plan: await stage.knit.apply(join(folder, file)), isNew: true }
  if (!there.active) await stage.knit.activate(there.planId)
  return { plan: there, isNew: false }
}

/** What makes a plan the one it is, among those with the same image. */
function outline({ entrypoint, args, inputs, outputs }: Partial<PlanFile>): string {
  const points = (list: { path: string; tags: string[] }[] = []) =>
    list.map(({ path, tags }) => [path, tags.toSorted()]).sort()
  return JSON.stringify([entrypoint, args, points(inputs), points(outputs)])
}
