import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { expect, test } from 'vitest'
import { functions } from '../cluster/functions.ts'
import { factOf, figureOf, scalePage } from './scale.ts'

const page = `
| id | ours    | beside    |
| -- | ------- | --------- |
| B1 | a thing | something |

| id         | what          | median | min–max | unit | target | holds |
| ---------- | ------------- | ------ | ------- | ---- | ------ | ----- |
| B1         | one \\| other  | 0.0012 | 0–1     | ×    | ≥1     | yes   |
| B1.writes  | more          | 5      | 5–5     |      | ≤5     | yes   |

- **B1** ours, ms: 7.5; theirs, ms: 12,000; settings: on
- **B1.writes** of these: CREATE 3
`

test('figures and facts are read from the tables of results, by what they are called', () => {
  expect(figureOf('B1', page)).toBe(0.0012)
  expect(figureOf('B1.writes', page)).toBe(5)
  expect(factOf('B1', 'ours, ms', page)).toBe(7.5)
})

test('what was not measured is no figure', () => {
  expect(figureOf('B2', page)).toBeUndefined()
  expect(factOf('B1', 'of nobody', page)).toBeUndefined()
  expect(factOf('B1', 'theirs, ms', page)).toBeNaN()
})

test('the page on very many Runs is what the figures make', async () => {
  const page = fileURLToPath(new URL('./SCALE.md', import.meta.url))
  const style = await resolveConfig(page)
  const text = await format(scalePage(functions), { ...style, parser: 'markdown' })
  await expect(text).toMatchFileSnapshot(page)
})
