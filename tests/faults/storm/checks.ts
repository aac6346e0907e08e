import assert from 'node:assert/strict'
import { connectApi, type KnitApi } from '#shared/client/connect.ts'
import { data } from '#shared/contracts/data.ts'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { untilAtRest } from '../at-rest.ts'
import { assertNotes, noRoom } from './client.ts'
import { kindTag, serialTag, type Pushed, type Registered } from './known.ts'
import type { Storm } from './storm.ts'

/** After a storm: all work comes to its end, and everything that was acknowledged is there, once and whole. */
export async function checkAll(storm: Storm): Promise<void> {
  await untilAtRest(storm.running)
  storm.say('all work is done, and everything holds')
  const api = connectApi({ apiRoot: storm.running.apiRoot })
  const digests = new Map<string, string>()
  for (const pushed of storm.known.pushed) {
    const knitId = await checkPushed(storm, api, pushed)
    if (knitId) digests.set(knitId, pushed.digest)
  }
  // Plans feed later ones only.
  for (const plan of storm.known.registered) await checkPlan(storm, api, plan, digests)
  storm.say(
    `${storm.known.acknowledged().length} data were acknowledged, ${digests.size} are right`,
  )
}

/** What was acknowledged is found by its tags and has its bytes; what was not may be absent, never half. */
async function checkPushed(
  { known, clients: [client] }: Storm,
  api: KnitApi,
  pushed: Pushed,
): Promise<string | undefined> {
  const found = await api.call(data.find, { tag: [serialTag(pushed), kindTag(pushed)] })
  const knitIds = found.map(({ knitId }) => knitId)
  if (pushed.knitId) assert.deepEqual(knitIds, [pushed.knitId], `who finds ${pushed.serial}`)
  assert.ok(knitIds.length <= 1, `${pushed.serial} is there once`)
  const [one] = found
  if (!one) return undefined
  assert.equal(await client?.pulledDigest(api, one.knitId), pushed.digest, pushed.serial)
  for (const acknowledged of known.acknowledged())
    if (acknowledged === pushed) assertNotes(acknowledged, one.tags)
  return one.knitId
}

/** A plan that was acknowledged is there; one that is there has run once, well, for every data that fits. */
async function checkPlan(
  { clients: [client] }: Storm,
  api: KnitApi,
  plan: Registered,
  digests: Map<string, string>,
): Promise<void> {
  const found = await api.call(plans.find, { out_tag: [plan.output] })
  if (plan.planId)
    assert.deepEqual(
      [plan.planId],
      found.map(({ planId }) => planId),
    )
  const [shown] = found
  if (!shown) return
  const fitting = await api.call(data.find, { tag: [plan.input] })
  const made = await api.call(runs.find, { plan: shown.planId })
  assert.deepEqual(
    inputsOf(made),
    fitting
      .filter(isUsable)
      .map(({ knitId }) => knitId)
      .toSorted(),
    `the runs of ${plan.serial}`,
  )
  for (const run of made) {
    const input = digests.get(run.inputs[0]?.knitId ?? '')
    const output = run.outputs[0]?.knitId ?? ''
    if (!isForgivable(run)) assert.equal(run.status, 'done', JSON.stringify(run.exit))
    if (run.status !== 'done') continue
    assert.equal(await client?.pulledDigest(api, output), input, `what ${run.runId} has made`)
    digests.set(output, input ?? '')
  }
}

const inputsOf = (made: RunDetail[]): string[] =>
  made.map(({ inputs }) => inputs[0]?.knitId ?? '').toSorted()

/** Only what a done run has made fits an input. */
const isUsable = ({ upstream }: DataDetail): boolean => upstream.run.status === 'done'

/** On a full disk a program cannot write. */
const isForgivable = ({ status, exit }: RunDetail): boolean =>
  status === 'failed' && exit?.code === noRoom
