import { randomUUID } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { entry, tgz } from '#shared/archive/test-archives.ts'
import { idOf, sampleData, samplePlan, sampleRun } from '#shared/client/wire-samples.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import { formatTime, parseDuration, parseTime } from '#shared/domain/time.ts'

type Asked = { id: string; query: URLSearchParams; type: string | undefined; body: Buffer }
export type Answer = { status?: number; json?: unknown; body?: Buffer | string; archive?: Buffer }

/** An answer that tells of a failure. */
export class Refusal extends Error {
  readonly status: number

  constructor(status: number, ...lines: string[]) {
    super(lines.join('\n'))
    this.status = status
  }
}

const missing = () => new Refusal(404, 'not found')
const bad = (cause: string) => new Refusal(400, 'bad request', ` caused by:${cause}`)

export type Things = ReturnType<typeof sampleThings>

/** Data d1 was read by the run t1 of the plan p1, which wrote m1. */
export function sampleThings() {
  const plan = samplePlan('p1', { log: { tags: ['type:log'], downstreams: [] } })
  const upload = sampleRun('u1', { outputs: [['/upload', 'd1']] })
  const points = { inputs: [['/in', 'd1']], outputs: [['/out', 'm1']] } satisfies object
  const train = sampleRun('t1', { ...points, log: 'l1' } as never, { plan: summaryOf(plan) })
  return {
    plans: [plan],
    runs: [upload, train, sampleRun('r1', {}, { status: 'running' })],
    data: [sampleData('d1', upload, [train], ['type:a']), sampleData('m1', train)],
    archives: new Map([[idOf('d1'), tgz(entry({ name: 'a' }, 'text\n'))]]),
  }
}

const summaryOf = ({ planId, image }: PlanDetail) => ({ planId, image: image ?? '' })

export function addData({ data, runs }: Things, tags: string[] = []): DataDetail {
  const name = `d${data.length + 1}`
  const run = { ...sampleRun(`u${data.length + 1}`, {}), updatedAt: formatTime(new Date()) }
  const added = sampleData(name, run, [], tags)
  runs.push(run)
  data.push(added)
  return added
}

const tagsIn = (query: URLSearchParams, name = 'tag'): string[] =>
  query.getAll(name).map((text) => {
    if (!text.includes(':')) throw bad(`"${name}" should be KEY:VALUE`)
    return text
  })

/** Undefined for a request that makes it crash. */
function windowIn(query: URLSearchParams): ((time: string) => boolean) | undefined {
  const [since, duration] = [query.get('since'), query.get('duration')]
  const length = duration ? parseDuration(duration) : Infinity
  if (length === undefined) throw bad('"duration" should be a duration')
  if (!since) return duration ? undefined : () => true
  const from = parseTime(since)?.getTime()
  if (from === undefined) throw bad('"since" should be a RFC3339 date-time format')
  return (time) => Date.parse(time) >= from && Date.parse(time) < from + length
}

const timeOf = ({ tags }: DataDetail): string =>
  tags.find((tag) => tag.startsWith('knit#timestamp:'))?.slice('knit#timestamp:'.length) ?? ''

const all = (wanted: string[], tags: string[]): boolean => wanted.every((tag) => tags.includes(tag))

/** By method and path, what it does at each. */
export function routesOver(things: Things): Record<string, (asked: Asked) => Answer | 'panic'> {
  const { data, archives, plans, runs } = things
  const one = <T>(list: T[], is: (thing: T) => boolean): T => {
    const found = list.find(is)
    if (!found) throw missing()
    return found
  }
  const plan = (id: string): PlanDetail => one(plans, ({ planId }) => planId === id)
  const run = (id: string): RunDetail => one(runs, ({ runId }) => runId === id)
  const changed =
    (change: (plan: PlanDetail, body: Record<string, unknown>) => object) =>
    ({ id, body, type }: Asked): Answer => {
      if (body.length > 0 && type?.split(';')[0] !== 'application/json') throw bad('code=415')
      return { json: Object.assign(plan(id), change(plan(id), JSON.parse(`${body}` || '{}'))) }
    }
  const moved =
    (to: RunStatus, from: RunStatus[]) =>
    ({ id }: Asked): Answer => {
      const { status } = run(id)
      if (![to, ...from].includes(status))
        throw new Refusal(409, 'prohibited operation', ` caused by:${status} -> ${to}`)
      return { json: Object.assign(run(id), { status: to }) }
    }
  const dropped = (id: string): void => {
    const { status, outputs } = run(id)
    if (!['done', 'failed'].includes(status)) throw new Refusal(409, 'the run may not be finished')
    const made = new Set(outputs.map(({ knitId }) => knitId))
    if (runs.some(({ inputs }) => inputs.some(({ knitId }) => made.has(knitId))))
      throw new Refusal(409, 'output of the run is in use')
  }

  return {
    'GET /api/data': ({ query }) => {
      const wanted = tagsIn(query)
      const within = windowIn(query)
      if (!within) return 'panic'
      return { json: data.filter((it) => all(wanted, it.tags) && within(timeOf(it))) }
    },
    'POST /api/data': ({ body }) => {
      try {
        gunzipSync(body)
      } catch (error) {
        throw new Refusal(500, 'unexpected error', ` caused by:${String(error)}`)
      }
      const added = addData(things)
      archives.set(added.knitId, body)
      return { json: added }
    },
    'GET /api/data/:id': ({ id }) => {
      one(data, ({ knitId }) => knitId === id)
      return { archive: archives.get(id) ?? Buffer.alloc(0) }
    },
    'PUT /api/data/:id': ({ id, body }) => {
      type Tag = string | { key: string; value: string }
      const { add, remove, remove_key } = JSON.parse(`${body}`)
      const texts = (tags?: Tag[] | null) =>
        (tags ?? []).map((tag) => (typeof tag === 'string' ? tag : `${tag.key}:${tag.value}`))
      const [added, removed, keys] = [texts(add), texts(remove), texts(remove_key)]
      if ([...added, ...removed, ...keys].some((tag) => tag.startsWith('knit#')))
        throw new Refusal(400, 'format error')
      const found = one(data, ({ knitId }) => knitId === id)
      const kept = found.tags.filter(
        (tag) => !removed.includes(tag) && !keys.includes(tag.split(':', 1)[0] ?? ''),
      )
      found.tags = [...new Set([...kept, ...added])].sort()
      return { json: found }
    },
    'GET /api/plans': ({ query }) => {
      const [active, image] = [query.get('active'), query.get('image')]
      if (active && !['true', 'false'].includes(active)) throw bad('"active"')
      const [inTags, outTags] = [tagsIn(query, 'in_tag'), tagsIn(query, 'out_tag')]
      const fits = (points: { tags: string[] }[], tags: string[]) =>
        tags.length === 0 || points.some((point) => all(tags, point.tags))
      const found = plans.filter(
        (it) =>
          (!active || String(it.active) === active) &&
          (!image || it.image === image || it.image?.startsWith(`${image}:`)) &&
          fits(it.inputs, inTags) &&
          fits(it.outputs, outTags),
      )
      return { json: found }
    },
    'POST /api/plans': ({ type, body }) => {
      if (type?.toLowerCase() !== 'application/json') throw bad('content type')
      const { image, inputs, outputs, log } = JSON.parse(`${body}`)
      if (!image) throw bad('nameless or versionless image')
      if (!inputs?.length) throw bad('unreachable plan')
      if (plans.some((it) => it.image === image))
        throw new Refusal(409, 'there are equiverent plan', ' caused by:conflict')
      const ends = (points: object[] | undefined, key: string) =>
        (points ?? []).map((point) => ({ ...point, [key]: [] }))
      const registered = {
        planId: randomUUID(),
        image,
        inputs: ends(inputs, 'upstreams'),
        outputs: ends(outputs, 'downstreams'),
        ...(log && { log: { ...log, downstreams: [] } }),
        active: true,
        resources: { cpu: '1', memory: '1Gi' },
      } as PlanDetail
      plans.push(registered)
      return { json: registered }
    },
    'GET /api/plans/:id': ({ id }) => ({ json: plan(id) }),
    'PUT /api/plans/:id/active': changed(() => ({ active: true })),
    'DELETE /api/plans/:id/active': changed(() => ({ active: false })),
    'PUT /api/plans/:id/resources': changed(({ resources }, { set }) => ({
      resources: { ...resources, ...(set as object) },
    })),
    'PUT /api/plans/:id/annotations': changed((_, { add }) => ({ annotations: add })),
    'PUT /api/plans/:id/serviceaccount': changed((_, { service_account }) => ({ service_account })),
    'DELETE /api/plans/:id/serviceaccount': changed(() => ({ service_account: undefined })),
    'GET /api/runs': ({ query }) => {
      const within = windowIn(query)
      if (!within) return 'panic'
      const among = (name: string, values: string[]): boolean => {
        const wanted = query.get(name)?.split(',')
        if (wanted?.includes('')) throw bad(name)
        return !wanted || wanted.some((it) => values.includes(it))
      }
      const ids = (points: { knitId: string }[]) => points.map(({ knitId }) => knitId)
      const found = runs.filter(
        (it) =>
          among('plan', [it.plan.planId]) &&
          among('status', [it.status]) &&
          among('knitIdInput', ids(it.inputs)) &&
          among('knitIdOutput', ids([...it.outputs, ...(it.log ? [it.log] : [])])) &&
          within(it.updatedAt),
      )
      return { json: found }
    },
    'GET /api/runs/:id': ({ id }) => ({ json: run(id) }),
    'GET /api/runs/:id/log': ({ id, query }) => {
      const { status, log } = run(id)
      if (!log) throw missing()
      if (['deactivated', 'waiting', 'ready'].includes(status))
        throw new Refusal(503, 'service unavailable temporaly', 'please retry later')
      if (status === 'starting' && query.has('follow'))
        throw new Refusal(500, 'unexpected error', ' caused by:container is not started')
      return { body: 'epoch 1\nepoch 2\n' }
    },
    'PUT /api/runs/:id/abort': moved('aborting', ['waiting', 'ready', 'starting', 'running']),
    'PUT /api/runs/:id/tearoff': moved('completing', ['ready', 'starting', 'running']),
    'PUT /api/runs/:id/retry': ({ id }) => {
      dropped(id)
      Object.assign(run(id), { status: 'waiting' })
      return { body: '' }
    },
    'DELETE /api/runs/:id': ({ id }) => {
      dropped(id)
      runs.splice(runs.indexOf(run(id)), 1)
      return { status: 204 }
    },
  }
}
