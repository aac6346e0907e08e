import { definePlan, type PlanSpec } from '#shared/domain/plan.ts'
import { parseTag } from '#shared/domain/tag.ts'
import { beginUpload, completeUpload } from '#shared/database/uploads.ts'
import { registerPlan } from '#shared/database/plans.ts'
import type { World } from '#shared/runtime/context.ts'

const by = { actor: 'test' }
const limits = { maxTags: 100, maxTagBytes: 4096, maxInputs: 100, maxOutputs: 100 }
const measure = { bytes: 1, files: 1, digest: 'sha256:test' }

/** A data with tags, as an upload leaves it: done, and with its fact to be matched. */
export async function makeData(world: World, ...tags: string[]): Promise<string> {
  const upload = await beginUpload(world.sql, tags.map(parseTag), 60, by)
  await completeUpload(world.sql, upload, measure, by)
  return upload.knitId
}

let made = 0

/** A plan that differs from all others: `inputs` and `outputs` are lists of tags by path. */
export async function makePlan(
  world: World,
  mounts: { inputs: Record<string, string[]>; outputs?: Record<string, string[]>; log?: string[] },
  more: Partial<PlanSpec> = {},
): Promise<string> {
  made += 1
  const points = (record: Record<string, string[]>) =>
    Object.entries(record).map(([path, tags]) => ({ path, tags: tags.map(parseTag) }))
  const plan = definePlan(
    {
      image: `example.test/plan:${made}`,
      entrypoint: ['true'],
      inputs: points(mounts.inputs),
      outputs: points(mounts.outputs ?? {}),
      ...(mounts.log && { log: { tags: mounts.log.map(parseTag) } }),
      ...more,
    },
    limits,
  )
  const result = await registerPlan(world.sql, plan, by)
  if (!('planId' in result)) throw new Error(`the plan was refused: ${JSON.stringify(result)}`)
  return result.planId
}
