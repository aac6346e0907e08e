import { afterEach, expect, test, vi } from 'vitest'
import { Misused, runProgram } from './command-line.ts'

const usage = 'Usage: npm run try -- [--count N] [NAME...]\n\nTries.\n'
const options = { count: { type: 'string' } } as const

afterEach(() => vi.restoreAllMocks())

/** Runs a program that answers 7, and gives back all there is to see of it. */
async function called(...args: string[]) {
  const written = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += String(text)
      return true
    })
  const given: unknown[] = []
  const run = (values: { count?: string }, words: string[]) => {
    if (values.count === 'x') throw new Misused('--count: expected a number')
    given.push(values.count, ...words)
    return 7
  }
  const code = await runProgram({ usage, options, takesWords: true, run }, args)
  return { code, given, ...written }
}

test('a program gets its options and words, and its answer is the exit code', async () => {
  expect(await called('a', '--count', '3', '--', '--help')).toEqual({
    code: 7,
    given: ['3', 'a', '--help'],
    stdout: '',
    stderr: '',
  })
})

test.each([['--help'], ['-h'], ['--bogus', '--help']])(
  '%s shows how it is used',
  async (...args) => {
    expect(await called(...args)).toEqual({ code: 0, given: [], stdout: usage, stderr: '' })
  },
)

test.each([
  [['--bogus'], "Unknown option '--bogus'"],
  [['--count'], "Option '--count <value>' argument missing"],
  [['--count', 'x'], '--count: expected a number'],
])('%j is told in one line, how it is called in another', async (args, what) => {
  expect(await called(...args)).toEqual({
    code: 2,
    given: [],
    stdout: '',
    stderr: `${what}\n${usage.split('\n')[0]}\n`,
  })
})
