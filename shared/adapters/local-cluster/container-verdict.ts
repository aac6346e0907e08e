import {
  checkImageName,
  imageIsUnavailable,
  startFailures,
  unexecutable,
  unpullable,
} from '#shared/domain/container-trouble.ts'
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

/** The first rule of a stage whose pattern is found counts. */
const rules: [stage: string, pattern: RegExp, rule: Rule][] = [
  [
    'pull',
    imageIsUnavailable,
    {
      blame: 'plan',
      says: (reached) => `${unpullable(reached.image, complaint(reached))}. ${checkImageName}`,
    },
  ],
  [
    'pull',
    /^/,
    {
      blame: 'machine',
      says: (reached) => unpullable(reached.image, complaint(reached)),
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
  ...startFailures.map(({ pattern, exitCode, what }): [string, RegExp, Rule] => [
    'start',
    pattern,
    { blame: 'plan', exitCode, says: (reached) => unexecutable(what, complaint(reached)) },
  ]),
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
