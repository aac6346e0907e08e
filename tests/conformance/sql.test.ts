import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const sources = globSync('{functions,shared,cli}/**/*.ts').filter(
  (path) => !/\.test\.ts$|\/test-/.test(path),
)
const linesOf = (path: string) => readFileSync(path, 'utf8').split('\n')

test('no statement is put together from texts: what is not a parameter is in a file of this tree', () => {
  const raw = sources.flatMap((path) =>
    linesOf(path)
      .filter((line) => /\b(sql|tx)\.(unsafe|file)\(/.test(line))
      .map((line) => `${path}: ${line.trim()}`),
  )
  expect(raw).toEqual([
    'shared/database/migrate.ts: await inTurn((tx) => tx.unsafe(runMovesGuard()).simple())',
    'shared/database/migrate.ts: await tx.unsafe(text).simple()',
  ])
})

test('no pattern is made of what somebody searches for', () => {
  const patterns = sources.filter(
    (path) =>
      path.startsWith('shared/database/') &&
      /\b(i?like|similar to|~\*?)\s+\$\{|regexp_\w+\([^)]*\$\{/i.test(readFileSync(path, 'utf8')),
  )
  expect(patterns).toEqual([])
})
