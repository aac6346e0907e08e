import type { FailureCause } from '#shared/ports/cluster.ts'
import { lastLine } from './engine.ts'

/** Why a worker counts as failed; its exit code where that of its program does not tell. */
export type Verdict = { cause: FailureCause; message: string; exitCode?: number }

/** How far the container of a worker has come, as its supervisor notes it. */
export type Reached = {
  stage: string
  /** What the engine complained of last. */
  trouble: string
  image: string
  /** What machine the image is for. */
  architecture: string
}

type Rule = { blame: Verdict['cause']; exitCode?: number; says: (reached: Reached) => string }

const complaint = ({ trouble }: Reached) => lastLine(trouble) || 'the engine did not say why'
const start = (what: string) => (reached: Reached) =>
  `the command cannot be executed: ${what}: ${complaint(reached)}`

/** The first rule of a stage whose pattern is found counts. */
const rules: [stage: string, pattern: RegExp, rule: Rule][] = [
  [
    'pull',
    // Not that there is no such host, nor an unknown authority: that may be otherwise tomorrow.
    /(manifest|name|tag) unknown|not found|denied|unauthorized|does not exist|invalid reference|did not resolve|no matching manifest/i,
    {
      blame: 'plan',
      says: (reached) =>
        `the image ${reached.image} cannot be pulled: ${complaint(reached)}. Check its name and tag, or log in to its registry`,
    },
  ],
  [
    'pull',
    /^/,
    {
      blame: 'machine',
      says: (reached) => `the image ${reached.image} cannot be pulled: ${complaint(reached)}`,
    },
  ],
  [
    'arch',
    /^/,
    {
      blame: 'plan',
      says: ({ image, architecture }) =>
        `the image ${image} is for another kind of machine, ${architecture}: choose one for this machine`,
    },
  ],
  [
    'start',
    /not found|no such file or directory/i,
    { blame: 'plan', exitCode: 127, says: start('it was not found') },
  ],
  [
    'start',
    /permission denied/i,
    { blame: 'plan', exitCode: 126, says: start('it is not an executable file') },
  ],
  [
    'start',
    /exec format error/i,
    { blame: 'plan', exitCode: 126, says: start('it is for another kind of machine') },
  ],
  [
    'create',
    /invalid|duplicate mount|must be/i,
    {
      blame: 'plan',
      says: (reached) => `the container cannot be made: ${complaint(reached)}`,
    },
  ],
  [
    'vanished',
    /^/,
    {
      blame: 'machine',
      says: () =>
        'the container vanished: the machine was restarted, or it was removed from outside',
    },
  ],
  [
    'silent',
    /^/,
    { blame: 'machine', says: (reached) => `the engine does not answer: ${complaint(reached)}` },
  ],
]

/** Why a container has not come to run its program; undefined when it has. */
export function containerVerdict(reached: Reached): Verdict | undefined {
  if (reached.stage === 'run') return undefined
  const found = rules.find(
    ([stage, pattern]) => stage === reached.stage && pattern.test(reached.trouble),
  )
  if (!found)
    return {
      cause: 'machine',
      message: `the container could not be started: ${complaint(reached)}`,
    }
  const [, , { blame, exitCode, says }] = found
  return { cause: blame, message: says(reached), ...(exitCode && { exitCode }) }
}
