import { expect, test } from 'vitest'
import { formatImage, parseImage, parseImageQuery } from './image.ts'
import { Invalid } from './invalid.ts'

test.for([
  ['ubuntu', 'ubuntu:latest'],
  ['ubuntu:', 'ubuntu:latest'],
  ['ubuntu:22.04', 'ubuntu:22.04'],
  ['a/b:V1_x-y.z', 'a/b:V1_x-y.z'],
  ['localhost:5000/a/b:1', 'localhost:5000/a/b:1'],
  ['localhost:5000/a/b', 'localhost:5000/a/b:latest'],
  ['docker.io/ubuntu', 'index.docker.io/library/ubuntu:latest'],
  ['docker.io/a/b:1', 'index.docker.io/a/b:1'],
  ['ghcr.io/a/b_c.d-e:1', 'ghcr.io/a/b_c.d-e:1'],
] as const)('the image %s is %s', ([text, image]) => {
  expect(formatImage(parseImage(text))).toBe(image)
})

test.for([
  '',
  ':1',
  'x',
  'Upper/case:1',
  'a b:1',
  'ubuntu@sha256:abcdef',
  'ubuntu:tag with space',
  `ubuntu:${'t'.repeat(129)}`,
  `${'r'.repeat(256)}:1`,
  'name:5000:1',
  'docker.io/',
  'https://example.test/a',
  '--privileged',
  '-a/b:1',
  'a//b',
  '/a/b',
  'ubuntu:1\n',
])('the text %j names no image', (text) => {
  expect(() => parseImage(text)).toThrow(Invalid)
})

test('a search for an image may leave the tag open; the port of a registry is no tag', () => {
  expect(parseImageQuery('a/b')).toEqual({ repository: 'a/b' })
  expect(parseImageQuery('a/b:1')).toEqual({ repository: 'a/b', tag: '1' })
  expect(parseImageQuery('localhost:5000/b')).toEqual({ repository: 'localhost:5000/b' })
  expect(parseImageQuery('localhost:5000/b:1:2')).toEqual({
    repository: 'localhost:5000/b',
    tag: '1:2',
  })
  for (const text of [':v1', 'host/', 'host/:v1', ''])
    expect(() => parseImageQuery(text)).toThrow(Invalid)
})
