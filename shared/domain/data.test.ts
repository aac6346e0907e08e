import { expect, test } from 'vitest'
import {
  AnnotationChange,
  AnnotationText,
  changedAnnotations,
  formatAnnotation,
  sortAnnotations,
} from './annotation.ts'
import { forbiddenInChange, TagChange } from './data.ts'
import { isId } from './ids.ts'

test('a change of tags may be empty, absent, or have absent parts', () => {
  for (const change of [null, {}, { add: null, remove: null, remove_key: null }])
    expect(forbiddenInChange(TagChange.parse(change))).toBeUndefined()
})

test.for([
  { add: ['knit#id:x'] },
  { add: [{ key: 'knit#anything', value: '' }] },
  { remove: ['knit#timestamp:2026-01-02T03:04:05Z'] },
  { remove_key: ['knit#transient'] },
])('the change %j touches a tag of the system', (change) => {
  expect(forbiddenInChange(TagChange.parse(change))).toMatch(/^knit#/)
})

test('a bad element makes the whole change bad', () => {
  expect(TagChange.safeParse({ add: ['a:1', 'no colon'] }).success).toBe(false)
  expect(TagChange.safeParse({ remove_key: [1] }).success).toBe(false)
})

test('an annotation is split at the first = and trimmed; without one it is none', () => {
  expect(AnnotationText.parse(' a = b=c ')).toEqual({ key: 'a', value: 'b=c' })
  expect(AnnotationText.parse('a=')).toEqual({ key: 'a', value: '' })
  expect(AnnotationText.safeParse('a').success).toBe(false)
})

test('the key of an annotation has 253 characters and no more; what cannot be stored is none', () => {
  expect(AnnotationText.safeParse(`${'k'.repeat(253)}=`).success).toBe(true)
  for (const text of [`${'k'.repeat(254)}=`, 'a=\0', '\ud800=b'])
    expect(AnnotationText.safeParse(text).success).toBe(false)
})

test.for([
  [{}, ['a=1', 'a=2', 'b=1']],
  [null, ['a=1', 'a=2', 'b=1']],
  [{ add: ['c=1', 'a=1'] }, ['a=1', 'a=2', 'b=1', 'c=1']],
  [{ remove: ['a=1', 'b=2', 'c=3'] }, ['a=2', 'b=1']],
  [{ remove_key: ['a', 'c'] }, ['b=1']],
  [{ remove_key: ['a'], remove: ['b=1'], add: ['b=1', 'a=1'] }, ['a=1', 'b=1']],
] as [object | null, string[]][])('the change %j of annotations makes %j', ([change, after]) => {
  const before = ['a=1', 'a=2', 'b=1'].map((text) => AnnotationText.parse(text))
  const changed = changedAnnotations(before, AnnotationChange.parse(change))
  expect(changed.map(formatAnnotation)).toEqual(after)
})

test('annotations are sorted by key, then value; a key may have several, a pair is there once', () => {
  const texts = ['b=1', 'a=2', 'a=1', 'a=2'].map((text) => AnnotationText.parse(text))
  expect(sortAnnotations(texts).map(({ key, value }) => `${key}=${value}`)).toEqual([
    'a=1',
    'a=2',
    'b=1',
  ])
})

test('an id is a lower-case UUID and nothing else', () => {
  expect(isId('0190163d-8694-739b-aea5-966c26f8ad91')).toBe(true)
  expect(isId('6f0c0a52-5d3c-4f6b-9d2e-1f2e3d4c5b6a')).toBe(true)
  for (const text of [
    '',
    'x',
    '6F0C0A52-5D3C-4F6B-9D2E-1F2E3D4C5B6A',
    '../etc',
    '6f0c0a525d3c4f6b9d2e1f2e3d4c5b6a',
    '6f0c0a52-5d3c-4f6b-9d2e-1f2e3d4c5b6a\n',
  ])
    expect(isId(text)).toBe(false)
})
