import type { Check } from '#shared/domain/check.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { checkInvariants } from '#shared/runtime/check-invariants.ts'
import type { Database } from '#tests/support/database.ts'
import { changes, makes } from '#tests/support/gate/file-calls.ts'
import {
  throughGate,
  type FileCall,
  type FileFault,
  type FileGate,
} from '#tests/support/gate/gated-files.ts'
import { until } from '#tests/support/until.ts'
import type { FileScenario } from './file-scenarios.ts'
import type { FileHome, FileWorld } from './file-world.ts'
import { bringToRest, gatedWorld, sweepOnce } from './quiet-world.ts'
import { describeState } from './state.ts'

const failure = (code: string, message: string): Error =>
  Object.assign(new Error(`${code}: ${message}`), { code })
const broken = (): Error => failure('EIO', 'i/o error')
const full = (): Error => failure('ENOSPC', 'no space left on device')
const died = (): Error => new Error('the process has died')

/** A file that is written has been made when there is no room for what is in it, or when its writer dies. */
const midway = ({ name }: FileCall): FileFault['done'] =>
  name === 'writeFile' ? 'half' : 'nothing'

type FileFaults = Record<
  string,
  [may: (call: FileCall) => boolean, to: (call: FileCall) => FileFault]
>

/**
 * What may happen to a call: it is refused, or what it makes finds no room; it takes effect and nobody hears of that; or the
 * process dies of it. A descriptor is gone when its closing fails.
 */
const faults = {
  refused: [
    (call) => !makes(call) && call.name !== 'close',
    () => ({ error: broken(), done: 'nothing' }),
  ],
  full: [makes, (call) => ({ error: full(), done: midway(call) })],
  lost: [
    (call) => changes(call) || call.name === 'close',
    () => ({ error: broken(), done: 'all' }),
  ],
  killed: [changes, (call) => ({ error: died(), done: midway(call) })],
} satisfies FileFaults
type Fault = keyof typeof faults

/** One fault, at one of the calls: those of one name are counted, since calls that are made side by side have no order. */
export type Disturbance = { fault: Fault; name: string; nth: number }

/** Everything that may happen at any of the calls, but for a file that is read again: whoever looks how things stand does so often. */
export const disturbances = (calls: readonly FileCall[]): Disturbance[] =>
  [...Map.groupBy(calls, ({ name }) => name)].flatMap(([name, ofName]) => {
    const files = ofName.map(fileOf)
    return ofName.flatMap((call, index) => {
      const isAgain = files[index] !== undefined && files.indexOf(files[index]) < index
      return isAgain ? [] : faultsOf(call).map((fault) => ({ fault, name, nth: index + 1 }))
    })
  })

const faultsOf = (call: FileCall): Fault[] =>
  (Object.keys(faults) as Fault[]).filter((fault) => faults[fault][0](call))

/** Which file is read, by a name that says what it is and not whose; undefined where something is changed, or is open already. */
function fileOf(call: FileCall): string | undefined {
  const [path] = call.arguments
  if (changes(call) || typeof path !== 'string') return undefined
  return path.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'id')
}

export const inWords = ({ fault, name, nth }: Disturbance): string =>
  `${fault} at call ${nth} of ${name}`

/** How things stand when all has come to rest. */
export type Outcome = {
  /** What the function answered, the last time it was asked. */
  status: number
  heard: unknown
  state: string[]
  broken: Check[]
  /** Data that do not hold what was acknowledged. */
  damaged: string[]
  strays: string[]
}

/** Lets a function do its work undisturbed; gives back every call to the files of the home, and what came of it. */
export async function undisturbed(
  database: Database,
  home: FileHome,
  scenario: FileScenario,
): Promise<{ calls: FileCall[]; right: Outcome }> {
  // Once before, for what is made but once and shared.
  const first = await arranged(database, home, scenario)
  await outcomeOf(first.world, scenario, await first.act(first.world))
  const { world, act } = await arranged(database, home, scenario)
  const calls: FileCall[] = []
  const gate: FileGate = (call) => void (isOf(home, call) && calls.push(call))
  const answer = await throughGate(gate, () => act(world))
  return { calls: [...calls], right: await outcomeOf(world, scenario, answer) }
}

/**
 * Lets a function do the same work with one fault; who heard of none or of a failure asks again, when another process has
 * taken the place of one that died. Gives back what came of it once sweeps have done what is left.
 */
export async function disturbed(
  database: Database,
  home: FileHome,
  scenario: FileScenario,
  disturbance: Disturbance,
): Promise<Outcome & { what: string }> {
  const { world, act } = await arranged(database, home, scenario)
  const { gate, isDead, happened } = faultyGate(home, disturbance)
  const mortal = gatedWorld(world, async (_, make) => {
    if (isDead()) throw died()
    return make()
  })
  const first = await throughGate(gate, async () => {
    const answer = await act(mortal)
    if (isDead()) await home.cluster.close({ stopWorkers: false }).catch(() => {})
    return answer
  })
  const call = happened()
  if (!call) throw new Error(`there was no such call: ${inWords(disturbance)}`)
  if (isDead()) await home.reopen()
  const later = isDead() ? home.world(database.sql) : world
  const last = isDead() || first.status >= 500 ? await act(later) : first
  const what = `${inWords(disturbance)} ${call.arguments.filter((one) => typeof one === 'string')}`
  return { what, ...(await outcomeOf(later, scenario, last)) }
}

async function arranged({ sql, empty }: Database, home: FileHome, scenario: FileScenario) {
  await empty()
  await home.empty()
  const world = home.world(sql)
  return { world, act: await scenario.arrange(world) }
}

/** Lets everything pass but for one fault. */
function faultyGate(home: FileHome, { fault, name, nth }: Disturbance) {
  let passed = 0
  let isDead = false
  let happened: FileCall | undefined
  const gate: FileGate = (call) => {
    // A process that dies closes its files.
    if (isDead) return call.name === 'close' ? undefined : { error: died(), done: 'nothing' }
    if (call.name !== name || !isOf(home, call) || (passed += 1) !== nth) return undefined
    happened = call
    isDead = fault === 'killed'
    return faults[fault][1](call)
  }
  return { gate, isDead: () => isDead, happened: () => happened }
}

/** Whether a call is about the files of a home; of what is open already, it is. */
const isOf = ({ folder }: FileHome, { arguments: [path, other] }: FileCall): boolean =>
  typeof path !== 'string' || [path, other].some((one) => String(one).startsWith(folder))

// Seconds: programs that run have their work in progress after one sweep; nothing else may be left.
const tolerance = 60

async function outcomeOf(
  world: FileWorld,
  { heard }: FileScenario,
  answer: Response,
): Promise<Outcome> {
  await sweepOnce(world)
  const afterOne = await checkInvariants(world, tolerance)
  await world.home.haveBegun()
  await bringToRest(world)
  const atRest = await checkInvariants(world, 0)
  return {
    status: answer.status,
    heard: await heard?.(answer, world),
    state: (await describeState(world)).map(inOneAttempt),
    broken: [...afterOne, ...atRest].filter(({ state }) => state !== 'holds'),
    damaged: await damagedIn(world),
    strays: await straysIn(world.home),
  }
}

/** A machine that fails just when it starts a program costs an attempt: whether it has begun, nobody could tell. */
const inOneAttempt = (line: string): string =>
  line.replace(/ at attempt [12],|, was [a-z ]+(?=,)/g, '')

async function damagedIn({ sql, cluster }: FileWorld): Promise<string[]> {
  const kept = await sql<{ id: string; digest: string }[]>`
    select id, digest from data where ready`
  const measures = await Promise.all(
    kept.map(({ id }) => cluster.measureVolume(volumeOf(id)).then((measure) => measure?.digest)),
  )
  return kept.filter(({ digest }, index) => digest !== measures[index]).map(({ id }) => id)
}

const patience = 2000

/** What is left when the deletions that go on by themselves have come to their end. */
async function straysIn(home: FileHome): Promise<string[]> {
  const end = Date.now() + patience
  await until(() => home.strays().length === 0 || Date.now() > end)
  return home.strays()
}
