import { expect, test } from 'vitest'
import { Invalid } from './invalid.ts'
import { checkedOnNode, LabelText } from './on-node.ts'

test('a label is split at the first = and not trimmed', () => {
  expect(LabelText.parse('a=b=c')).toEqual({ key: 'a', value: 'b=c' })
  expect(LabelText.parse(' a = b ')).toEqual({ key: ' a ', value: ' b ' })
  expect(LabelText.safeParse('a').success).toBe(false)
})

test('labels are sorted, and the same one twice is one', () => {
  const labels = ['b=1', 'a=2', 'a=1', 'b=1'].map((text) => LabelText.parse(text))
  expect(checkedOnNode({ must: labels })).toEqual({
    may: [],
    prefer: [],
    must: ['a=1', 'a=2', 'b=1'].map((text) => LabelText.parse(text)),
  })
})

test.for([
  'accelerator=gpu',
  'node.k8s.io/zone=a-b_c.d',
  'A.b_C=X',
  `${'n'.repeat(63)}=${'v'.repeat(63)}`,
])('the label %s may be asked for', (text) => {
  expect(checkedOnNode({ may: [LabelText.parse(text)] }).may).toHaveLength(1)
})

test.for([
  '=v',
  'k=',
  'a b=v',
  '-a=v',
  'a-=v',
  '/a=v',
  'a/=v',
  'a/b/c=v',
  'a..b/c=v',
  'k=v v',
  'k=-v',
  `${'n'.repeat(64)}=v`,
  `k=${'v'.repeat(64)}`,
])('the label %s is none that Kubernetes takes', (text) => {
  expect(() => checkedOnNode({ prefer: [LabelText.parse(text)] })).toThrow(Invalid)
})
