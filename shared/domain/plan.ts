import * as z from 'zod'
import { AnnotationText, sortAnnotations, type Annotation } from './annotation.ts'
import { PlanId } from './ids.ts'
import { parseImage, type Image } from './image.ts'
import { Invalid } from './invalid.ts'
import { checkedPath, checkOverlap, inPathOrder } from './mountpoint.ts'
import { checkedOnNode, LabelText, type OnNode } from './on-node.ts'
import { PlanSummary } from './plan-summary.ts'
import { PlanPreview } from './preview.ts'
import { Quantity } from './quantity.ts'
import {
  checkTagLimits,
  compareBytes,
  isSystemTag,
  readTagQuery,
  sortTags,
  TagIn,
  type Tag,
  type TagLimits,
} from './tag.ts'
import { LogPoint, Mountpoint } from './wire.ts'

const MountpointIn = z.object({
  path: z.string().describe('Absolute path in the container.'),
  tags: z.array(TagIn).nullish().describe('An input asks for these tags; an output puts them.'),
})

/** What a user registers. */
export const PlanSpec = z
  .object({
    annotations: z.array(AnnotationText).nullish().describe('Free metadata, as KEY=VALUE.'),
    image: z.string().nullish().describe('Container image, as REPOSITORY[:TAG].'),
    entrypoint: z.array(z.string()).nullish().describe("Replaces the image's entrypoint."),
    args: z.array(z.string()).nullish().describe("Replaces the image's arguments."),
    inputs: z.array(MountpointIn).nullish().describe('What each run reads: at least one.'),
    outputs: z.array(MountpointIn).nullish().describe('What each run writes.'),
    log: z
      .object({ tags: z.array(TagIn).nullish().describe('Tags of the log.') })
      .nullish()
      .describe('Keeps what the program prints as a data; absent: it is not kept.'),
    on_node: z
      .object({
        may: z.array(LabelText).nullish().describe('Taints that are tolerated.'),
        prefer: z.array(LabelText).nullish().describe('Nodes that are preferred.'),
        must: z.array(LabelText).nullish().describe('Nodes that are required.'),
      })
      .nullish()
      .describe('Which nodes a run may, prefers to, or must be on.'),
    resources: z
      .record(z.string(), Quantity)
      .nullish()
      .describe('Limits by resource name; cpu is 1 and memory is 1Gi unless given.'),
    service_account: z.string().nullish().describe('Kubernetes service account of the worker.'),
    active: z.boolean().nullish().describe('False holds new runs back; true unless given.'),
  })
  .meta({ id: 'PlanSpec' })
export type PlanSpec = z.infer<typeof PlanSpec>

/** A plan as it is stored: checked, sorted, with defaults filled in. */
export type PlanDefinition = {
  image: Image
  entrypoint: string[]
  args: string[]
  inputs: InputDefinition[]
  outputs: { path: string; tags: Tag[] }[]
  log?: { tags: Tag[] }
  onNode: OnNode
  resources: Record<string, string>
  annotations: Annotation[]
  serviceAccount?: string
  active: boolean
}

export type InputDefinition = {
  path: string
  /** The user's tags. */
  tags: Tag[]
  knitId?: string
  timestamp?: Date
}

export type PlanLimits = TagLimits & { maxInputs: number; maxOutputs: number }

/** Checks a spec, in the order in which the API reports its faults. Throws `Invalid`. */
export function definePlan(spec: PlanSpec, limits: PlanLimits): PlanDefinition {
  const image = spec.image ? parseImage(spec.image) : undefined
  const onNode = checkedOnNode(present(spec.on_node))
  if (!image)
    throw new Invalid(
      'nameless or versionless image',
      'the plan names no image; add image: REPOSITORY:TAG',
    )
  const inputs = spec.inputs ?? []
  const outputs = spec.outputs ?? []
  if (inputs.length === 0)
    throw new Invalid(
      'unreachable plan',
      'the plan has no input, so no data could ever start it; add one',
    )
  checkCount('inputs', inputs.length, limits.maxInputs, 'maxInputs')
  checkCount('outputs', outputs.length, limits.maxOutputs, 'maxOutputs')
  if ([...inputs, ...outputs].some(({ path }) => path === ''))
    throw new Invalid(
      'bad mountpoint path',
      'a mount point has an empty path; give it an absolute one',
    )
  const definition: PlanDefinition = {
    image,
    entrypoint: spec.entrypoint ?? [],
    args: spec.args ?? [],
    ...defineMounts(inputs, outputs, limits),
    onNode,
    resources: { cpu: '1', memory: '1Gi', ...spec.resources },
    annotations: sortAnnotations(spec.annotations ?? []),
    active: spec.active ?? true,
  }
  if (spec.log) definition.log = { tags: putTags('the log', spec.log.tags ?? [], limits) }
  if (spec.service_account) definition.serviceAccount = checkedServiceAccount(spec.service_account)
  checkTexts(definition)
  return definition
}

function present(onNode: PlanSpec['on_node']): Partial<OnNode> {
  return { may: onNode?.may ?? [], prefer: onNode?.prefer ?? [], must: onNode?.must ?? [] }
}

function checkCount(what: string, count: number, limit: number, name: string): void {
  if (count > limit)
    throw new Invalid(
      'bad request',
      `the plan has ${count} ${what}; the limit (${name}) is ${limit}`,
    )
}

type MountSpec = z.infer<typeof MountpointIn>

/** Each is checked whole before the next, also against those that are not checked yet. */
function defineMounts(
  inputs: readonly MountSpec[],
  outputs: readonly MountSpec[],
  limits: PlanLimits,
): Pick<PlanDefinition, 'inputs' | 'outputs'> {
  const all = [...inputs, ...outputs]
  const alone = (mount: MountSpec): void =>
    checkOverlap(
      mount.path,
      all.flatMap((other) => (other === mount ? [] : [other.path])),
    )
  return {
    inputs: inPathOrder(inputs, (input) => {
      const defined = defineInput(input.path, input.tags ?? [], limits)
      alone(input)
      return defined
    }),
    outputs: inPathOrder(outputs, (output) => {
      const path = checkedPath(output.path)
      const tags = putTags(output.path, output.tags ?? [], limits)
      alone(output)
      return { path, tags }
    }),
  }
}

function defineInput(path: string, tags: Tag[], limits: PlanLimits): InputDefinition {
  const clean = checkedPath(path)
  if (tags.length === 0)
    throw new Invalid('bad tag', `the input "${path}" asks for no tag; give it at least one`)
  const forbidden = tags.find(
    (tag) => isSystemTag(tag) && tag.key !== 'knit#id' && tag.key !== 'knit#timestamp',
  )
  if (forbidden)
    throw new Invalid(
      'bad tag',
      `the input "${path}" cannot ask for "${forbidden.key}"; of the system's tags only knit#id and knit#timestamp are allowed`,
    )
  checkTagLimits(sortTags(tags), limits)
  const query = readTagQuery(tags)
  if (query.impossible)
    throw new Invalid(
      'bad tag',
      `the input "${path}" asks for a knit#id or knit#timestamp that is malformed or has two values; no data could ever fit`,
    )
  return {
    path: clean,
    tags: query.user,
    ...(query.knitId && { knitId: query.knitId }),
    ...(query.timestamp && { timestamp: query.timestamp }),
  }
}

function putTags(where: string, tags: Tag[], limits: PlanLimits): Tag[] {
  const system = tags.find(isSystemTag)
  if (system)
    throw new Invalid(
      'bad tag',
      `${where} cannot put "${system.key}": tags that begin with knit# are the system's`,
    )
  const sorted = sortTags(tags)
  checkTagLimits(sorted, limits)
  return sorted
}

/** The name of a service account, as Kubernetes would take it. Throws `Invalid`. */
export function checkedServiceAccount(name: string): string {
  if (name.length <= 63 && /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name)) return name
  throw new Invalid(
    'bad service account',
    `"${name}" is no name of a service account: 1 to 63 lower-case letters, digits and inner - .`,
  )
}

function checkTexts(plan: PlanDefinition): void {
  const texts: [string, string[]][] = [
    ['entrypoint', plan.entrypoint],
    ['args', plan.args],
    ['resources', Object.keys(plan.resources)],
  ]
  for (const [where, values] of texts) {
    if (values.some((value) => value.includes('\0') || !value.isWellFormed()))
      throw new Invalid('bad request', `${where} has a NUL character or is not valid Unicode text`)
  }
}

/**
 * The text that makes two plans equivalent when it is equal: image, on_node, mount points, log, entrypoint and
 * args. Resources, service account, annotations and `active` make no plan different.
 */
export function canonicalPlan(plan: PlanDefinition): string {
  const byPath = (a: { path: string }, b: { path: string }) => compareBytes(a.path, b.path)
  const pairs = (tags: Tag[]) => tags.map(({ key, value }) => [key, value])
  return JSON.stringify({
    image: [plan.image.repository, plan.image.tag],
    onNode: [plan.onNode.may, plan.onNode.prefer, plan.onNode.must].map(pairs),
    inputs: plan.inputs
      .toSorted(byPath)
      .map((input) => [
        input.path,
        pairs(input.tags),
        input.knitId ?? null,
        input.timestamp?.getTime() ?? null,
      ]),
    outputs: plan.outputs.toSorted(byPath).map((output) => [output.path, pairs(output.tags)]),
    log: plan.log ? pairs(plan.log.tags) : null,
    entrypoint: plan.entrypoint,
    args: plan.args,
  })
}

const ResourceName = z
  .string()
  .refine(
    (name) => !name.includes('\0') && name.isWellFormed(),
    'a resource has no NUL character in its name, which is valid Unicode text',
  )

/** A change of what each run of a plan may use. */
export const ResourceLimitChange = z
  .object({
    set: z.record(ResourceName, Quantity).nullish().describe('Limits to put, by resource name.'),
    unset: z
      .array(ResourceName)
      .nullish()
      .describe('Resources without limit from now on, also when they are among those to put.'),
  })
  .nullish()
  .meta({ id: 'ResourceLimitChange' })
export type ResourceLimitChange = z.infer<typeof ResourceLimitChange>

/** What each run of a plan may use after a change. */
export function changedResources(
  resources: Record<string, string>,
  change: ResourceLimitChange,
): Record<string, string> {
  const gone = new Set(change?.unset)
  const put = { ...resources, ...change?.set }
  return Object.fromEntries(Object.entries(put).filter(([name]) => !gone.has(name)))
}

/** The service account of a plan; an empty one is none. */
export const SetServiceAccount = z
  .object({
    service_account: z
      .string()
      .nullish()
      .describe('Kubernetes service account of workers; empty: the usual one.'),
  })
  .nullish()
  .meta({ id: 'SetServiceAccount' })

const Upstream = z
  .object({
    plan: PlanSummary,
    mountpoint: Mountpoint.optional().describe('The output that feeds the input.'),
    log: LogPoint.optional().describe('The log that feeds the input.'),
  })
  .meta({ id: 'Upstream' })
export type Upstream = z.infer<typeof Upstream>

const Downstream = z
  .object({ plan: PlanSummary, mountpoint: Mountpoint.describe('The input that is fed.') })
  .meta({ id: 'Downstream' })
export type Downstream = z.infer<typeof Downstream>

/** The room that what runs of a plan have written takes. */
export const PlanUsage = z
  .object({
    planId: PlanId,
    runs: z.int().describe('Runs of the plan.'),
    data: z.int().describe('Data that they have written, or will.'),
    files: z.int().describe('Files of these data, as far as they are known.'),
    bytes: z.int().describe('Bytes of these files.'),
  })
  .meta({ id: 'PlanUsage' })
export type PlanUsage = z.infer<typeof PlanUsage>

export const PlanDetail = z
  .object({
    ...PlanSummary.shape,
    inputs: z
      .array(z.object({ ...Mountpoint.shape, upstreams: z.array(Upstream) }))
      .describe("In the plan's order."),
    outputs: z
      .array(z.object({ ...Mountpoint.shape, downstreams: z.array(Downstream) }))
      .describe("In the plan's order."),
    log: z
      .object({ ...LogPoint.shape, downstreams: z.array(Downstream) })
      .optional()
      .describe('Absent when the log is not kept.'),
    active: z.boolean().describe('False: new runs are held back.'),
    on_node: z
      .object({
        may: z.array(z.string()).optional(),
        prefer: z.array(z.string()).optional(),
        must: z.array(z.string()).optional(),
      })
      .optional()
      .describe('Labels of nodes, as KEY=VALUE.'),
    resources: z.record(z.string(), z.string()).optional().describe('Limits by resource name.'),
    service_account: z.string().optional().describe('Kubernetes service account of the worker.'),
    paused: z
      .object({
        wouldCreate: z
          .number()
          .describe('Runs that would be created of what fits by now, at most.'),
        message: z.string().describe('What to do about it.'),
      })
      .optional()
      .describe('Present while no runs are created, because they would be very many.'),
    dryRun: PlanPreview.optional().describe('What it would start; where that was asked for.'),
  })
  .meta({ id: 'PlanDetail' })
export type PlanDetail = z.infer<typeof PlanDetail>
