import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { sharedClaim } from '#shared/adapters/kubernetes-cluster/mounts.ts'
import { rightsShared } from '#shared/adapters/kubernetes-cluster/rights.ts'

test('where all Data is in one claim no function may ask of claims, nor make Pods', () => {
  const rules = Object.values(rightsShared).flat()
  expect(rules.filter(({ resources }) => resources.includes('persistentvolumeclaims'))).toEqual([])
  const ofPods = rules.filter(({ resources }) => resources.includes('pods'))
  expect(ofPods.filter(({ verbs }) => verbs.includes('create'))).toEqual([])
})

test('the claim that the chart makes is the one that is mounted', () => {
  const template = new URL('../../../charts/knitfab/templates/volumes.yaml', import.meta.url)
  expect(readFileSync(template, 'utf8')).toContain(`\n  name: ${sharedClaim}\n`)
})
