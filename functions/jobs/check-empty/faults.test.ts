import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { faultsIn } from './faults.ts'

test('outputs that are not empty, or cannot be read, are told by the names they have in the plan', () => {
  const folder = mkdtempSync('/var/tmp/knit-check-empty-')
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const name of ['new', 'formatted/lost+found', 'used'])
    mkdirSync(`${folder}/${name}`, { recursive: true })
  writeFileSync(`${folder}/used/old`, '')

  const empty = ['/app', `${folder}/new`, '/usr', `${folder}/formatted`]
  expect(faultsIn(empty)).toEqual([])
  expect(faultsIn([...empty, '/out', `${folder}/used`, 'its log', `${folder}/none`])).toEqual([
    '/out is not empty, it holds "old"',
    expect.stringMatching(/^its log cannot be read: ENOENT/),
  ])
})
