import type { Reporter, TestCase, TestModule } from 'vitest/node'

declare module 'vitest' {
  interface TaskMeta {
    /** What ran the programs of the test, where there is a choice. */
    engine?: string
    /** What it measured of faults: how long each took to be over. */
    recovered?: string[]
  }
}

/**
 * Closes the run: what could not be tested on this machine, with the reason, and one line that any machine can read,
 * `N passed, N failed`. With `CI=true` nothing may be left untested.
 */
export default class ClosingLine implements Reporter {
  readonly #say: (line: string) => void

  constructor({ say = console.log }: { say?: (line: string) => void } = {}) {
    this.#say = say
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const inState = (state: string) => tests.filter((test) => test.result().state === state)
    const engines = new Set(tests.flatMap((test) => test.meta().engine ?? []))
    if (engines.size > 0) console.log(`Engines tested: ${[...engines].join(', ')}`)
    const recovered = tests.flatMap((test) => test.meta().recovered ?? [])
    if (recovered.length > 0) console.log(`Recovered from\n${recovered.map(indented).join('\n')}`)
    const skipped = inState('skipped')
    if (skipped.length > 0)
      console.log(`Not tested on this machine:\n${skipped.map(reason).join('\n')}`)
    const isCi = process.env['CI'] === 'true'
    if (isCi && skipped.length > 0) process.exitCode = 1
    const broken = modules.filter((module) => module.errors().length > 0).length
    const failed =
      inState('failed').length + broken + unhandled.length + (isCi ? skipped.length : 0)
    const left = isCi || skipped.length === 0 ? '' : `, ${skipped.length} skipped`
    this.#say(`${inState('passed').length} passed, ${failed} failed${left}`)
  }
}

const indented = (line: string): string => `  ${line}`

function reason(test: TestCase): string {
  const result = test.result()
  const note = 'note' in result && result.note ? result.note : 'no reason was given'
  return `  ${test.fullName}: ${note}`
}
